import type { KubeObject } from '../../../src/istio/resources/objects.ts';

/** One step of a sequence: a manifest is applied, or another writer patches the live object. */
export type Step =
  | { readonly kind: 'apply'; readonly object: KubeObject }
  | { readonly kind: 'patch'; readonly object: KubeObject; readonly patch: object };

export interface Sequence {
  readonly name: string;
  readonly steps: readonly Step[];
}

const apply = (object: KubeObject): Step => ({ kind: 'apply', object });
const patch = (object: KubeObject, change: object): Step => ({ kind: 'patch', object, patch: change });

const service = (ports: readonly object[], more: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 's' },
  spec: { selector: { app: 's' }, ports, ...more },
});

const deployment = (name: string, podSpec: object, more: object = {}, metadata: object = {}): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, ...metadata },
  spec: {
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: podSpec },
    ...more,
  },
});

const pod = (image: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', labels: { app: 'p' } },
  spec: { containers: [{ name: 'c', image, ports: [{ containerPort: 80 }] }], serviceAccountName: 'default' },
});

const virtualService = (spec: object): KubeObject => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: 'v' },
  spec: { hosts: ['a'], ...spec },
});

const route = { route: [{ destination: { host: 'a' } }] };
const one = { name: 'one', image: 'i' };
const two = { name: 'two', image: 'j' };

export const applySequences: readonly Sequence[] = [
  {
    name: 'ports of a Service',
    steps: [
      apply(service([{ name: 'http', port: 80 }], { type: 'NodePort' })),
      apply(
        service(
          [
            { name: 'grpc', port: 90, targetPort: 'g' },
            { name: 'http', port: 80, targetPort: 8080 },
          ],
          { type: 'NodePort' },
        ),
      ),
      apply(service([{ name: 'grpc', port: 90 }])),
    ],
  },
  {
    name: 'containers, variables and volumes of a Deployment, which another writer changes too',
    steps: [
      apply(
        deployment('d', {
          containers: [
            { ...one, env: [{ name: 'A', value: '1' }], volumeMounts: [{ name: 'v', mountPath: '/v' }] },
            two,
          ],
          volumes: [{ name: 'v', emptyDir: {} }],
        }),
      ),
      patch(deployment('d', {}), {
        spec: {
          replicas: 3,
          template: {
            metadata: { annotations: { restarted: 'now' } },
            spec: {
              containers: [
                { name: 'one', env: [{ name: 'SET', value: 'by another' }] },
                { name: 'three', image: 'k' },
              ],
            },
          },
        },
      }),
      apply(
        deployment('d', {
          containers: [{ ...one, env: [{ name: 'B', value: '2' }], volumeMounts: [{ name: 'v', mountPath: '/w' }] }],
          volumes: [{ name: 'v', configMap: { name: 'c' } }],
        }),
      ),
      apply(deployment('d', { containers: [two, one] }, { strategy: { type: 'Recreate' } }, { labels: { l: 'x' } })),
      apply(deployment('d', { containers: [one] }, { replicas: 2, strategy: { type: 'RollingUpdate' } })),
    ],
  },
  {
    name: 'a Pod with an injected sidecar',
    steps: [apply(pod('i:1')), apply(pod('i:1')), apply(pod('i:2'))],
  },
  {
    name: 'a VirtualService, whose lists are replaced',
    steps: [
      apply(virtualService({ gateways: ['mesh'], http: [{ name: 'first', ...route, timeout: '1s' }, route] })),
      apply(virtualService({ http: [{ name: 'first', ...route }] })),
      apply(virtualService({ http: [route], tcp: null })),
    ],
  },
  {
    name: 'a ConfigMap and a ServiceAccount',
    steps: [
      apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm' }, data: { a: '<1 & 2>', b: 'ü' } }),
      apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'm', labels: { x: 'y' } }, data: { b: '2' } }),
      apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'a' }, imagePullSecrets: [{ name: 'x' }] }),
      patch(
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'a' } },
        { imagePullSecrets: [{ name: 'by-another' }] },
      ),
      apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'a' }, imagePullSecrets: [{ name: 'y' }] }),
    ],
  },
];
