import { servicePorts } from './called-services.ts';
import { type ManifestObject, objectMetadata } from './manifest-object.ts';
import type { MeshService, MeshVersion } from './mesh-service.ts';

export interface WorkloadOptions {
  readonly image: string;
  /** Where spans go, over OTLP/HTTP; nowhere if not given. */
  readonly spansTo?: string;
}

/** The objects of one service: who it is, the name that others call, and the pods of each version. */
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

/** `app` is what Kiali looks for first, `app.kubernetes.io/name` what Istio does: they have to say the same. */
function labelsOf(name: string): Record<string, string> {
  return { app: name, 'app.kubernetes.io/name': name, 'app.kubernetes.io/part-of': 'meshmock' };
}

function portsOf({ httpPorts, grpcPorts }: MeshService): object[] {
  const further = (name: 'http' | 'grpc', ports: readonly number[]): object[] =>
    ports.map((port) => ({ name: `${name}-${port}`, port, targetPort: name }));
  return [
    ...Object.entries(servicePorts).map(([name, port]) => ({ name, port, targetPort: name })),
    ...further('http', httpPorts),
    ...further('grpc', grpcPorts),
  ];
}

function deployment(
  { name, namespace, behaviour }: MeshService,
  { version, replicas }: MeshVersion,
  options: WorkloadOptions,
): ManifestObject {
  const labels = { ...labelsOf(name), version, 'app.kubernetes.io/version': version };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: objectMetadata(`${name}-${version}`, namespace, labels),
    spec: {
      replicas,
      // A pod goes when another is ready: with one replica too, nobody is without an answer.
      strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      selector: { matchLabels: { app: name, version } },
      template: {
        metadata: { labels, annotations: { ...scraped, ...endedLast } },
        spec: {
          serviceAccountName: name,
          automountServiceAccountToken: false,
          // Variables of Services, such as MESHMOCK_PORT for one named meshmock, would be taken for settings.
          enableServiceLinks: false,
          // preStop, drain, the longest request and the last spans.
          terminationGracePeriodSeconds: 40,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 65_532,
            runAsGroup: 65_532,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          // The hash, which Kubernetes adds, is that of this Deployment and revision: what an update replaces does not count.
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: { 'app.kubernetes.io/part-of': 'meshmock' } },
              matchLabelKeys: ['pod-template-hash'],
            },
          ],
          containers: [container(behaviour, options)],
        },
      },
    },
  };
}

/** By which Prometheus' usual configuration finds it, and Istio too, whose sidecar then passes it on. */
const scraped = {
  'prometheus.io/scrape': 'true',
  'prometheus.io/port': String(servicePorts['http-metrics']),
  'prometheus.io/path': '/metrics',
};

/** A sidecar that starts before the mock and ends after it, `kube-inject`'s too: what drains still makes calls. */
const endedLast = { 'sidecar.istio.io/nativeSidecar': 'true' };

function container(behaviour: string | undefined, { image, spansTo }: WorkloadOptions): object {
  const own = behaviour === undefined ? [] : [{ name: 'MESHMOCK_BEHAVIOUR', value: literal(behaviour) }];
  return {
    name: 'meshmock',
    image,
    imagePullPolicy: 'IfNotPresent',
    ports: Object.entries(servicePorts).map(([name, containerPort]) => ({ name, containerPort })),
    env: [...environment, ...own, ...(spansTo === undefined ? [] : spanVariables(spansTo))],
    startupProbe: { httpGet: { path: '/-/healthy', port: 'http' }, periodSeconds: 1, failureThreshold: 60 },
    readinessProbe: { httpGet: { path: '/-/ready', port: 'http' }, periodSeconds: 2, failureThreshold: 2 },
    livenessProbe: {
      httpGet: { path: '/-/healthy', port: 'http' },
      periodSeconds: 5,
      timeoutSeconds: 3,
      // One that hangs has nothing to finish.
      terminationGracePeriodSeconds: 10,
    },
    // While it sleeps, Services, and sidecars, hear that the pod is to go: it still takes what they send meanwhile.
    lifecycle: { preStop: { sleep: { seconds: 5 } } },
    resources: { requests: { cpu: '20m', memory: '128Mi' }, limits: { memory: '512Mi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
  };
}

/** Kubernetes reads `$(NAME)` in values as a variable, and `$$` as a dollar. */
function literal(value: string): string {
  return value.replaceAll('$', '$$$$');
}

const field = (name: string, fieldPath: string): object => ({ name, valueFrom: { fieldRef: { fieldPath } } });

/** Nothing here names the service: a pod learns who it is from its labels. */
const environment: readonly object[] = [
  field('MESHMOCK_NAME', "metadata.labels['app']"),
  field('MESHMOCK_SERVICE_VERSION', "metadata.labels['version']"),
  field('MESHMOCK_POD', 'metadata.name'),
  field('MESHMOCK_NAMESPACE', 'metadata.namespace'),
  field('MESHMOCK_NODE', 'spec.nodeName'),
  // Kubernetes copies it from the node (admission plugin PodTopologyLabels, from 1.35 on); before, it is empty.
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

/** Kiali asks for traces by the cluster's id, and reads only the old names of HTTP's attributes. */
function spanVariables(endpoint: string): object[] {
  return [
    { name: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', value: literal(`${endpoint}/v1/traces`) },
    { name: 'OTEL_SEMCONV_STABILITY_OPT_IN', value: 'http/dup,rpc/dup' },
    { name: 'ISTIO_META_CLUSTER_ID', value: 'Kubernetes' },
    { name: 'ISTIO_META_MESH_ID', value: 'cluster.local' },
  ];
}
