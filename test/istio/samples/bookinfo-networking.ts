import type { ManifestSource } from '../../../src/istio/resources/manifest.ts';
import type { PolicyCase, ShownCall } from '../policy-case.ts';
import { allTo, at, jason, platform, ratingsOf, shares, some } from './bookinfo-shown.ts';

const networking = (name: string): string => `bookinfo/networking/${name}.yaml`;

const subsets = networking('destination-rule-all');
const ingress = { gateway: 'istio-ingressgateway.istio-system' };

const withoutMtls: ManifestSource = {
  name: 'without-mtls.yaml',
  text: `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default }
spec: { mtls: { mode: DISABLE } }
`,
};

/** Workload that cert-manager creates for an ACME challenge. */
const challengeSolver: ManifestSource = {
  name: 'challenge-solver.yaml',
  text: `
apiVersion: v1
kind: Service
metadata: { name: cert-manager-resolver, namespace: istio-system }
spec:
  selector: { app: cert-manager-resolver }
  ports: [{ name: http, port: 8089 }]
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: cert-manager-resolver, namespace: istio-system }
spec:
  selector: { matchLabels: { app: cert-manager-resolver } }
  template:
    metadata: { labels: { app: cert-manager-resolver } }
    spec: { containers: [{ name: solver, image: solver, ports: [{ containerPort: 8089 }] }] }
`,
};

const challenge = '/.well-known/acme-challenge/token';

export const networkingCases: readonly PolicyCase[] = [
  {
    title: 'the subsets that routes to v1 name',
    files: [subsets],
    given: [networking('virtual-service-all-v1')],
    shown: [
      {
        at,
        path: `/@reviews${some},details,ratings/x`,
        changed: ['reviews version = v1', 'details version = v1', 'ratings version = v1', 'status = 200'],
      },
    ],
  },
  {
    title: 'the same, with mTLS',
    files: [networking('destination-rule-all-mtls')],
    given: [networking('virtual-service-all-v1')],
    shown: [
      {
        at,
        path: '/@reviews,details,ratings/x',
        changed: [
          'reviews version = v1',
          'reviews peer = bookinfo-productpage',
          'details mtls = yes',
          'ratings mtls = yes',
        ],
      },
    ],
  },
  {
    title: 'the client requires mTLS, but the server has none',
    files: [networking('destination-rule-all-mtls')],
    given: [withoutMtls],
    shown: [{ at, path: '/@details/x', changed: ['details status = 503', 'details answered-by = proxy'] }],
  },
  {
    title: 'the subsets of reviews',
    files: [networking('destination-rule-reviews')],
    given: [networking('virtual-service-reviews-v3')],
    shown: [{ at, path: `/@reviews${some}/x`, changed: ['reviews version = v3', 'status = 200'] }],
  },
  {
    title: 'everything goes to v1',
    files: [networking('virtual-service-all-v1')],
    given: [subsets],
    shown: [allTo('v1'), { at, path: '/@details,ratings/x', also: ['details version = v1', 'ratings version = v1'] }],
  },
  {
    title: 'everything goes to v3, by any name and port of reviews',
    files: [networking('virtual-service-reviews-v3')],
    given: [subsets],
    shown: [
      allTo('v3'),
      {
        at,
        path: `/@${['reviews:9080', 'reviews.default', 'reviews.default.svc.cluster.local:9080'].join(`${some},`)}${some}/x`,
        changed: ['reviews version = v3'],
      },
      { at: 'details', path: `/@reviews${some}/x`, changed: ['reviews version = v3'] },
    ],
  },
  {
    title: 'jason gets v2, others v1',
    files: [networking('virtual-service-reviews-test-v2')],
    given: [subsets],
    shown: [allTo('v2', jason), allTo('v1'), allTo('v1', ['--header', 'end-user: jasons'])],
  },
  {
    title: 'jason gets v2, others v3',
    files: [networking('virtual-service-reviews-jason-v2-v3')],
    given: [subsets],
    shown: [allTo('v2', jason), allTo('v3')],
  },
  {
    title: 'half goes to v1, half to v3',
    files: [networking('virtual-service-reviews-50-v3')],
    given: [subsets],
    shown: [shares(['v2 = 0'], ['v1 = 50% ± 12%', 'v3 = 50% ± 12%'])],
  },
  {
    title: 'half goes to v2, half to v3',
    files: [networking('virtual-service-reviews-v2-v3')],
    given: [subsets],
    shown: [shares(['v1 = 0'], ['v2 = 50% ± 12%', 'v3 = 50% ± 12%'])],
  },
  {
    title: '80 % go to v1, 20 % to v2',
    files: [networking('virtual-service-reviews-80-20')],
    given: [subsets],
    shown: [shares(['v1 = 80% ± 10%', 'v3 = 0'], ['v2 = 20% ± 10%'])],
  },
  {
    title: '90 % go to v1, 10 % to v2',
    files: [networking('virtual-service-reviews-90-10')],
    given: [subsets],
    shown: [shares(['v1 = 90% ± 7%', 'v3 = 0'], ['v2 = 10% ± 7%'])],
  },
  {
    title: 'calls to ratings are aborted for jason',
    files: [networking('virtual-service-ratings-test-abort')],
    given: [subsets],
    shown: [
      {
        at,
        path: '/@reviews/@ratings/x',
        args: [...jason, '--repeat', '5'],
        changed: [
          'reviews->ratings status = 500',
          'ratings refusal = fault',
          'ratings answered-by = proxy',
          'status = 502',
        ],
      },
      { at, path: '/@reviews/@ratings/x', args: ['--repeat', '5'], also: ['ratings refusal = none', 'status = 200'] },
    ],
  },
  {
    title: 'calls to ratings are delayed by 7 s for jason',
    files: [networking('virtual-service-ratings-test-delay')],
    given: [subsets],
    shown: [
      {
        at,
        path: '/@reviews/@ratings/x',
        args: jason,
        changed: ['reviews->ratings latency min > 6.9s'],
        also: ['ratings version = v1', 'status = 200'],
      },
      { at, path: '/@reviews/@ratings/x', also: ['ratings latency max < 5s', 'status = 200'] },
    ],
  },
  {
    title: 'calls to details are aborted',
    files: [networking('fault-injection-details-v1')],
    shown: [{ at, path: '/@details/x', changed: ['details status = 555', 'details refusal = fault', 'status = 502'] }],
  },
  {
    title: 'a subset without a pod',
    files: [networking('virtual-service-details-v2')],
    given: [subsets],
    shown: [{ at, path: '/@details/x', changed: ['details status = 503', 'details refusal = no_healthy_upstream'] }],
  },
  {
    title: 'everything goes to v2',
    files: [networking('virtual-service-details-v2')],
    given: [subsets, platform('bookinfo-details-v2')],
    shown: [{ at, path: `/@details${some}/x`, changed: ['details version = v2'], also: ['status = 200'] }],
  },
  {
    title: 'ratings with a database',
    files: [networking('virtual-service-ratings-db')],
    given: [subsets, platform('bookinfo-ratings-v2'), platform('bookinfo-db')],
    shown: ratingsOf('v2'),
  },
  {
    title: 'ratings with MySQL',
    files: [networking('virtual-service-ratings-mysql')],
    given: [subsets, platform('bookinfo-ratings-v2-mysql'), platform('bookinfo-mysql')],
    shown: ratingsOf('v2-mysql'),
  },
  {
    title: 'ratings with MySQL on a virtual machine',
    files: [networking('virtual-service-ratings-mysql-vm')],
    given: [subsets, platform('bookinfo-ratings-v2-mysql-vm')],
    shown: ratingsOf('v2-mysql-vm'),
  },
  {
    title: 'the gateway routes the paths of productpage, and no plan',
    files: [networking('bookinfo-gateway')],
    shown: [
      {
        at: ingress,
        path: '/productpage',
        changed: [
          'status = 200',
          'answered-by = service',
          'peer = istio-ingressgateway-service-account',
          'version = v1',
        ],
      },
      ...['/static/x.css', '/api/v1/products/0', '/login', '/logout'].map(
        (path): ShownCall => ({ at: ingress, path, also: ['status = 200', 'answered-by = service'] }),
      ),
      // The gateway routes only certain paths, and no plan begins with one of these.
      { at: ingress, path: '/@reviews/x', changed: ['status = 404', 'refusal = no_route'] },
      ...['/productpage/x', '/'].map((path): ShownCall => ({ at: ingress, path, also: ['refusal = no_route'] })),
    ],
  },
  {
    title: 'the gateway routes a challenge that nothing answers',
    files: [networking('certmanager-gateway')],
    shown: [
      { at: ingress, path: challenge, changed: ['status = 503', 'answered-by = proxy'] },
      { at: ingress, path: '/', changed: ['status = 404', 'refusal = no_route'] },
    ],
  },
  {
    title: 'the gateway routes a challenge, and nothing else',
    files: [networking('certmanager-gateway')],
    given: [challengeSolver],
    shown: [
      // Pods in istio-system have no sidecar, as in a cluster.
      { at: ingress, path: challenge, changed: ['status = 200', 'answered-by = service'], also: ['mtls = no'] },
      { at: ingress, path: '/', changed: ['status = 404', 'refusal = no_route'] },
    ],
  },
];

/** Files of `bookinfo/networking` that are not tested, each with the reason. */
export const skippedNetworking = {
  'egress-rule-google-apis.yaml': 'originates TLS to www.googleapis.com, a host on the internet',
};
