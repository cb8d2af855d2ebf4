import type { PolicyCase, Shown } from '../policy-case.ts';

const ingress = { gateway: 'istio-ingressgateway.istio-system' };
const hello = { gateway: 'helloworld-gateway-istio' };

/**
 * One after the other, or Envoy prefers the pod that has fewer requests under way. By the binomial distribution less
 * than one run in five million lies outside 50 % ± 15 %.
 */
const half = ['--repeat', '300'];

/**
 * Which port of its Service a target without one means: `helloworld` has 5000, `httpbin` 8000 before its pod's 8080.
 */
const fromProductpage = (service: string): Shown => ({
  at: 'productpage',
  path: `/@${service}*30/x`,
  changed: ['status = 200', `${service} answered-by = service`],
});

/** Samples of their own; each brings its workloads along. */
export const smallSampleCases: readonly PolicyCase[] = [
  {
    title: 'two versions behind one gateway, half of the calls each',
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
    title: 'the same behind a gateway of Gateway API',
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
    title: 'and then 90 % to v1, 10 % to v2',
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
        // Less than one run in 400,000 lies outside.
        args: ['--repeat', '500'],
        changed: ['version v1 = 90% ± 7%', 'version v2 = 10% ± 7%'],
        also: ['status = 200'],
      },
    ],
  },
  {
    title: 'the gateway lets in any plan',
    files: ['httpbin/httpbin.yaml', 'httpbin/httpbin-gateway.yaml'],
    shown: [
      {
        at: ingress,
        path: '/@details,httpbin/x',
        changed: [
          'status = 200',
          'peer = istio-ingressgateway',
          'details peer = httpbin',
          'httpbin answered-by = service',
        ],
      },
      fromProductpage('httpbin'),
    ],
  },
  {
    title: 'the same behind a gateway of Gateway API',
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
