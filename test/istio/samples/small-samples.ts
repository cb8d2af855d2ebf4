import type { PolicyCase, ShownCall } from '../policy-case.ts';

const ingress = { gateway: 'istio-ingressgateway.istio-system' };
const hello = { gateway: 'helloworld-gateway-istio' };

/**
 * Arguments for 300 calls one after another. With parallel calls, Envoy would prefer the pod with fewer active
 * requests. By the binomial distribution, less than one run in five million lies outside 50 % ± 15 %.
 */
const half = ['--repeat', '300'];

/**
 * Returns calls without a port, which must use the Service's own port. This is 5000 for `helloworld`, and 8000 for
 * `httpbin`, which leads to port 8080 of its pod.
 */
const fromProductpage = (service: string): ShownCall => ({
  at: 'productpage',
  path: `/@${service}*30/x`,
  changed: ['status = 200', `${service} answered-by = service`],
});

/** Samples besides Bookinfo, each with its own workloads. */
export const smallSampleCases: readonly PolicyCase[] = [
  {
    title: 'a gateway sends half of the calls to each of two versions',
    files: ['helloworld/helloworld.yaml', 'helloworld/helloworld-gateway.yaml'],
    shown: [
      {
        at: ingress,
        path: '/hello',
        args: half,
        changed: ['version v1 = 50% ± 15%', 'version v2 = 50% ± 15%', 'status = 200', 'mtls = yes'],
      },
      { at: ingress, path: '/other', changed: ['status = 404', 'refusal = no_route'] },
      fromProductpage('helloworld'),
    ],
  },
  {
    title: 'a gateway of the Gateway API does the same',
    files: ['helloworld/gateway-api/helloworld-gateway.yaml'],
    given: ['helloworld/helloworld.yaml'],
    shown: [
      {
        at: hello,
        path: '/hello',
        args: half,
        changed: ['version v1 = 50% ± 15%', 'version v2 = 50% ± 15%', 'status = 200'],
      },
      { at: hello, path: '/other', changed: ['status = 404', 'refusal = no_route'] },
    ],
  },
  {
    title: 'its route then sends 90 % to v1 and 10 % to v2',
    files: ['helloworld/gateway-api/helloworld-route.yaml'],
    given: [
      'helloworld/helloworld.yaml',
      'helloworld/gateway-api/helloworld-versions.yaml',
      'helloworld/gateway-api/helloworld-gateway.yaml',
    ],
    shown: [
      {
        at: hello,
        path: '/hello',
        // By chance, less than one run in 400,000 lies outside.
        args: ['--repeat', '500'],
        changed: ['version v1 = 90% ± 7%', 'version v2 = 10% ± 7%'],
        also: ['status = 200'],
      },
    ],
  },
  {
    title: 'the gateway routes any plan',
    files: ['httpbin/httpbin.yaml', 'httpbin/httpbin-gateway.yaml'],
    shown: [
      {
        at: ingress,
        path: '/@details,httpbin/x',
        changed: [
          'status = 200',
          'peer = istio-ingressgateway-service-account',
          'details peer = httpbin',
          'httpbin answered-by = service',
        ],
      },
      fromProductpage('httpbin'),
    ],
  },
  {
    title: 'a gateway of the Gateway API does the same',
    files: ['httpbin/gateway-api/httpbin-gateway.yaml'],
    given: ['httpbin/httpbin.yaml'],
    shown: [
      {
        at: { gateway: 'httpbin-gateway-istio' },
        path: '/@details/x',
        changed: ['status = 200', 'peer = httpbin-gateway-istio', 'details peer = httpbin'],
      },
    ],
  },
];
