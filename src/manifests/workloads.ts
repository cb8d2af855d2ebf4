import type { Protocol } from '../plan/plan.ts';
import { servicePorts, tcpPort } from './called-services.ts';
import { type ManifestObject, objectMetadata } from './manifest-object.ts';
import type { MeshService, MeshVersion } from './mesh-service.ts';

export interface WorkloadOptions {
  readonly image: string;
  /** Endpoint for spans, over OTLP/HTTP. Without it, spans are off. */
  readonly spansTo?: string;
  /** Targets of `--allow-target` and `--deny-target` of all mocks. */
  readonly allowTargets?: readonly string[];
  readonly denyTargets?: readonly string[];
}

/** Returns the objects of one service: a ServiceAccount, a Service, and a Deployment for each version. */
export function workloadsOf(service: MeshService, options: WorkloadOptions): ManifestObject[] {
  const { name, namespace } = service;
  const labels = labelsOf(name);
  return [
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: objectMetadata(name, namespace, labels),
      automountServiceAccountToken: false,
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: objectMetadata(name, namespace, labels),
      spec: { selector: { app: name }, ports: portsOf(service) },
    },
    ...service.versions.map((version) => deployment(service, version, options)),
  ];
}

/** Returns the labels of a service. Kiali prefers `app` and Istio `app.kubernetes.io/name`, so they must be equal. */
function labelsOf(name: string): Record<string, string> {
  return { app: name, 'app.kubernetes.io/name': name, 'app.kubernetes.io/part-of': 'meshmock' };
}

function portsOf({ httpPorts, grpcPorts, tcpPorts }: MeshService): object[] {
  const additional = (name: Protocol, ports: readonly number[]): object[] =>
    ports.map((port) => ({ name: `${name}-${port}`, port, targetPort: name }));
  return [
    ...Object.entries(servicePorts).map(([name, port]) => ({ name, port, targetPort: name })),
    ...additional('http', httpPorts),
    ...additional('grpc', grpcPorts),
    ...additional('tcp', tcpPorts),
  ];
}

function deployment(
  service: MeshService,
  { version, replicas }: MeshVersion,
  options: WorkloadOptions,
): ManifestObject {
  const { name, namespace } = service;
  const labels = { ...labelsOf(name), version, 'app.kubernetes.io/version': version };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: objectMetadata(`${name}-${version}`, namespace, labels),
    spec: {
      replicas,
      // A pod is replaced after its successor is ready, so requests are answered even with one replica.
      strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      selector: { matchLabels: { app: name, version } },
      template: {
        metadata: { labels, annotations: { ...scrapeAnnotations, ...sidecarAnnotations } },
        spec: {
          serviceAccountName: name,
          automountServiceAccountToken: false,
          // A Service with the name meshmock would set variables such as MESHMOCK_PORT, which look like settings.
          enableServiceLinks: false,
          // Enough time for preStop, drain, the longest request and the last spans.
          terminationGracePeriodSeconds: 40,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 65_532,
            runAsGroup: 65_532,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          // Kubernetes adds the hash to the pods of a revision, so the pods that an update replaces do not count.
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: { 'app.kubernetes.io/part-of': 'meshmock' } },
              matchLabelKeys: ['pod-template-hash'],
            },
          ],
          containers: [container(service, options)],
        },
      },
    },
  };
}

/** Annotations for Prometheus' usual configuration, and for Istio, whose sidecar forwards the metrics. */
const scrapeAnnotations = {
  'prometheus.io/scrape': 'true',
  'prometheus.io/port': String(servicePorts['http-metrics']),
  'prometheus.io/path': '/metrics',
};

/** Annotation for a sidecar that starts before the mock and stops after it: a draining mock still makes calls. */
const sidecarAnnotations = { 'sidecar.istio.io/nativeSidecar': 'true' };

function container({ behaviour, tcpPorts }: MeshService, options: WorkloadOptions): object {
  const { image, spansTo, allowTargets = [], denyTargets = [] } = options;
  const own = behaviour === undefined ? [] : [{ name: 'MESHMOCK_BEHAVIOUR', value: literal(behaviour) }];
  return {
    name: 'meshmock',
    image,
    imagePullPolicy: 'IfNotPresent',
    ports: Object.entries({ ...servicePorts, ...(tcpPorts.length === 0 ? {} : { tcp: tcpPort }) }).map(
      ([name, containerPort]) => ({ name, containerPort }),
    ),
    env: [
      ...environment,
      ...own,
      ...(tcpPorts.length === 0 ? [] : [{ name: 'MESHMOCK_TCP', value: `:${tcpPort}` }]),
      ...listVariable('MESHMOCK_ALLOW_TARGET', allowTargets),
      ...listVariable('MESHMOCK_DENY_TARGET', denyTargets),
      ...(spansTo === undefined ? [] : spanVariables(spansTo)),
    ],
    startupProbe: { httpGet: { path: '/-/healthy', port: 'http' }, periodSeconds: 1, failureThreshold: 60 },
    readinessProbe: { httpGet: { path: '/-/ready', port: 'http' }, periodSeconds: 2, failureThreshold: 2 },
    livenessProbe: {
      httpGet: { path: '/-/healthy', port: 'http' },
      periodSeconds: 5,
      timeoutSeconds: 3,
      // A process that hangs cannot finish its requests.
      terminationGracePeriodSeconds: 10,
    },
    // During the sleep, Services and sidecars learn that the pod stops. It still answers their requests.
    lifecycle: { preStop: { sleep: { seconds: 5 } } },
    resources: { requests: { cpu: '20m', memory: '128Mi' }, limits: { memory: '512Mi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
  };
}

/** Escapes a value of a variable: in Kubernetes `$(NAME)` is a reference, and `$$` is a dollar. */
function literal(value: string): string {
  return value.replaceAll('$', '$$$$');
}

/** Returns the variable of a repeatable flag, or nothing without values. */
function listVariable(name: string, values: readonly string[]): object[] {
  return values.length === 0 ? [] : [{ name, value: literal(values.join(' ')) }];
}

const field = (name: string, fieldPath: string): object => ({ name, valueFrom: { fieldRef: { fieldPath } } });

/** Variables of every container. A pod gets the name of its service from its labels. */
const environment: readonly object[] = [
  field('MESHMOCK_NAME', "metadata.labels['app']"),
  field('MESHMOCK_SERVICE_VERSION', "metadata.labels['version']"),
  field('MESHMOCK_POD', 'metadata.name'),
  field('MESHMOCK_NAMESPACE', 'metadata.namespace'),
  field('MESHMOCK_NODE', 'spec.nodeName'),
  // Kubernetes 1.35 and later copy this label from the node (admission plugin PodTopologyLabels).
  field('MESHMOCK_ZONE', "metadata.labels['topology.kubernetes.io/zone']"),
  { name: 'MESHMOCK_DRAIN', value: '5s' },
  { name: 'MESHMOCK_METRICS', value: `:${servicePorts['http-metrics']}` },
  field('POD_UID', 'metadata.uid'),
  {
    name: 'OTEL_RESOURCE_ATTRIBUTES',
    value: [
      'k8s.pod.name=$(MESHMOCK_POD)',
      'k8s.pod.uid=$(POD_UID)',
      'k8s.namespace.name=$(MESHMOCK_NAMESPACE)',
      'k8s.node.name=$(MESHMOCK_NODE)',
      'k8s.deployment.name=$(MESHMOCK_NAME)-$(MESHMOCK_SERVICE_VERSION)',
      'service.version=$(MESHMOCK_SERVICE_VERSION)',
      'service.instance.id=$(POD_UID)',
    ].join(','),
  },
];

/** Returns the variables that turn spans on. Kiali queries traces by cluster id and needs the old names of attributes. */
function spanVariables(endpoint: string): object[] {
  return [
    { name: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', value: literal(`${endpoint}/v1/traces`) },
    { name: 'OTEL_SEMCONV_STABILITY_OPT_IN', value: 'http/dup,rpc/dup' },
    { name: 'ISTIO_META_CLUSTER_ID', value: 'Kubernetes' },
    { name: 'ISTIO_META_MESH_ID', value: 'cluster.local' },
  ];
}
