/** What somebody may get wrong in what the labs apply, and which of their cases says so. */

export interface Mutation {
  readonly name: string;
  readonly lab: string;
  /** In the lab's folder. */
  readonly file: string;
  /** There exactly once. */
  readonly text: string;
  readonly becomes: string;
  /** The case that does not hold any more. */
  readonly caughtBy: string;
  /** In the file of cases that is not `test.yaml`. */
  readonly cases?: string;
}

const jasonGetsV2 = `              exact: jason
      route:
        - destination:
            host: service2
            subset: v2`;

/** Those of a lab stand together: what it needs beside the mesh of all is brought up once. */
export const mutations: readonly Mutation[] = [
  ...ofLab('authorization', [
    {
      name: 'a policy that denies whom it was to allow',
      ...edit('allow.yaml', 'action: ALLOW', 'action: DENY'),
      caughtBy: 'service1 may call service4',
    },
    {
      name: 'a policy for the wrong workload',
      ...edit('allow.yaml', 'app: service4', 'app: service3'),
      caughtBy: 'who is refused, is refused by who they are',
    },
    {
      name: 'another identity',
      ...edit('allow.yaml', 'sa/gateway', 'sa/service2'),
      caughtBy: 'the gateway may call what is public',
    },
    {
      name: 'a path without what is below it',
      ...edit('allow.yaml', '/public/*', '/public'),
      caughtBy: 'the gateway may call what is public',
    },
    {
      name: 'a method dropped',
      ...edit('allow.yaml', '            methods:\n              - GET\n', ''),
      caughtBy: 'the public part is for GET only',
    },
    {
      name: 'a policy that allows what it was to deny',
      ...edit('deny.yaml', 'action: DENY', 'action: ALLOW'),
      caughtBy: '/admin is denied to service1 too, who may call all else',
    },
    {
      name: 'a path dropped',
      ...edit('deny.yaml', '              - /admin\n', ''),
      caughtBy: '/admin itself is denied',
    },
    {
      name: 'a path that is a beginning of others',
      ...edit('deny.yaml', '/admin/*', '/admin*'),
      caughtBy: 'what begins with the same letters is another path',
    },
  ]),
  ...ofLab('circuit-breaking', [
    {
      name: 'any number of calls may wait',
      ...edit('pool.yaml', '        http1MaxPendingRequests: 1\n', ''),
      caughtBy: 'of twelve calls at once most are turned away',
    },
    {
      name: 'a pool that does not count calls over gRPC',
      ...edit('pool.yaml', 'http2MaxRequests: 1', 'http2MaxRequests: 100'),
      caughtBy: 'so it is over gRPC, where calls are counted',
    },
    {
      name: 'the host of a pool renamed',
      ...edit('pool.yaml', 'host: service4', 'host: service5'),
      caughtBy: 'of twelve calls at once most are turned away',
    },
  ]),
  ...ofLab('egress', [
    {
      name: 'any host may be called',
      ...edit('registry-only.yaml', 'REGISTRY_ONLY', 'ALLOW_ANY'),
      caughtBy: 'a host that nobody has named is not called',
    },
    {
      name: 'the address of a host outside misspelt',
      ...edit('service-entry.yaml', 'address: partner.', 'address: partners.'),
      caughtBy: 'the host that is named is called, in plain text',
    },
    {
      name: 'the timeout for the outside dropped',
      ...edit('timeout.yaml', '- timeout: 0.5s\n      route', '- route'),
      caughtBy: 'who is slow is not waited for',
    },
  ]),
  ...ofLab('fault-injection', [
    {
      name: 'the user of a delay misspelt',
      ...edit('delay.yaml', 'exact: jason', 'exact: json'),
      caughtBy: 'jason waits a second for service4',
    },
    {
      name: 'a tenth of the delay',
      ...edit('delay.yaml', 'fixedDelay: 1s', 'fixedDelay: 0.1s'),
      caughtBy: 'jason waits a second for service4',
    },
    {
      name: 'a tenth of the faults',
      ...edit('abort.yaml', 'value: 50', 'value: 5'),
      caughtBy: 'every other call to service3 is refused before it gets there',
    },
    {
      name: 'another status of a fault',
      ...edit('abort.yaml', 'httpStatus: 503', 'httpStatus: 500'),
      caughtBy: 'every other call to service3 is refused before it gets there',
    },
  ]),
  ...ofLab('grpc-routing', [
    {
      name: 'a gRPC method misspelt',
      ...edit('by-method.yaml', 'MeshMock/Call', 'MeshMock/call'),
      caughtBy: 'jason gets v2 of service3 over gRPC',
    },
    {
      name: 'a route for gRPC that takes HTTP too',
      ...edit('by-method.yaml', 'prefix: /meshmock.v1.MeshMock/', 'prefix: /'),
      caughtBy: 'HTTP is not touched',
    },
  ]),
  ...ofLab('header-manipulation', [
    {
      name: 'a header added, not set',
      ...edit('headers.yaml', 'set:', 'add:'),
      caughtBy: 'so it is when the call says another name',
    },
    {
      name: 'another value of a header',
      ...edit('headers.yaml', 'end-user: jason', 'end-user: mary'),
      caughtBy: 'service1 is called as jason, so what it calls gets v2 of service2',
    },
    {
      name: 'the header that an answer loses misspelt',
      ...edit('headers.yaml', '- x-meshmock', '- x-meshmok'),
      caughtBy: 'the signature of service4 is taken off on the way back',
    },
  ]),
  ...ofLab('ingress', [
    {
      name: 'the gateway of a route misspelt',
      ...edit('virtual-service.yaml', '    - shop\n', '    - shops\n'),
      caughtBy: 'what is below /api begins a cascade, and the service does not see /api',
    },
    {
      name: 'the host of a route renamed',
      ...edit('virtual-service.yaml', 'shop.example.com', 'shop.example.org'),
      caughtBy: 'what is below /api begins a cascade, and the service does not see /api',
    },
    {
      name: 'a rewrite dropped',
      ...edit('virtual-service.yaml', '      rewrite:\n        uri: /\n', ''),
      caughtBy: 'what is below /api begins a cascade, and the service does not see /api',
    },
    {
      name: 'a prefix that is a beginning of others',
      ...edit('virtual-service.yaml', 'prefix: /api/', 'prefix: /api'),
      caughtBy: 'what begins with the same letters is another path',
    },
  ]),
  ...ofLab('ingress-gateway-api', [
    {
      name: 'the gateway of a route misspelt',
      ...edit('http-route.yaml', '    - name: shop\n', '    - name: shops\n'),
      caughtBy: 'what is below /api begins a cascade, and the service does not see /api',
    },
    {
      name: 'a path that has to be the same, not a prefix',
      ...edit('http-route.yaml', 'type: PathPrefix', 'type: Exact'),
      caughtBy: 'what is below /api begins a cascade, and the service does not see /api',
    },
    {
      name: 'a prefix replaced by another',
      ...edit('http-route.yaml', 'replacePrefixMatch: /', 'replacePrefixMatch: /v1'),
      caughtBy: 'what is below /api begins a cascade, and the service does not see /api',
    },
  ]),
  ...ofLab('jwt', [
    {
      name: 'an issuer misspelt',
      ...edit('request-authentication.yaml', 'issuer: labs@', 'issuer: lab@'),
      caughtBy: 'a reader gets an answer',
    },
    {
      name: 'a token that is not passed on',
      ...edit('request-authentication.yaml', 'forwardOriginalToken: true', 'forwardOriginalToken: false'),
      caughtBy: 'service4 gets the token too, and passes it on',
    },
    {
      name: 'another group',
      ...edit('authorization-policy.yaml', '- admins', '- readers'),
      caughtBy: 'a reader may not call /admin',
    },
    {
      name: 'a path to leave out misspelt',
      ...edit('authorization-policy.yaml', '- /admin*', '- /admins*'),
      caughtBy: 'a reader may not call /admin',
    },
  ]),
  ...ofLab('load-balancing', [
    {
      name: 'the header of a hash misspelt',
      ...edit('by-end-user.yaml', 'httpHeaderName: end-user', 'httpHeaderName: enduser'),
      caughtBy: 'jason gets one pod of service2',
    },
  ]),
  ...ofLab('locality-load-balancing', [
    {
      name: 'zones left out of account',
      ...edit('zone-first.yaml', 'enabled: true', 'enabled: false'),
      caughtBy: 'shop calls stock in its own zone',
    },
    {
      name: 'a sick zone that is borne with for longer',
      ...edit('zone-first.yaml', 'consecutive5xxErrors: 3', 'consecutive5xxErrors: 30'),
      caughtBy: 'when its own zone fails three times, shop calls the other one',
    },
  ]),
  ...ofLab('mirroring', [
    {
      name: 'nothing mirrored',
      ...edit('mirror.yaml', 'value: 100', 'value: 0'),
      caughtBy: 'the mirrored call reached service4 first',
    },
    {
      name: 'the version that answers swapped',
      ...edit('mirror.yaml', 'subset: v1\n      mirrors', 'subset: v2\n      mirrors'),
      caughtBy: 'v1 of service3 alone answers',
    },
  ]),
  ...ofLab('mtls-migration', [
    {
      name: 'plain text still taken',
      ...edit('strict.yaml', 'STRICT', 'PERMISSIVE'),
      caughtBy: 'plain text is cut off, without a word',
    },
    {
      name: 'one workload instead of all',
      ...edit('strict.yaml', '  mtls:', '  selector:\n    matchLabels:\n      app: service4\n  mtls:'),
      caughtBy: 'no service is left out',
    },
  ]),
  ...ofLab('outlier-detection', [
    {
      name: 'a sick pod that is borne with for longer',
      ...edit('ejection.yaml', 'consecutive5xxErrors: 3', 'consecutive5xxErrors: 30'),
      caughtBy: 'the sick pod gets a few calls',
    },
  ]),
  ...ofLab('rate-limit', [
    {
      name: 'a limit on what a service calls, not on what it takes',
      ...edit('rate-limit.yaml', 'SIDECAR_INBOUND', 'SIDECAR_OUTBOUND'),
      caughtBy: 'ten of a hundred are answered, the others are told to come later',
    },
    {
      name: 'a limit ten times as high',
      ...edit('rate-limit.yaml', 'max_tokens: 10', 'max_tokens: 100'),
      caughtBy: 'ten of a hundred are answered, the others are told to come later',
    },
  ]),
  ...ofLab('request-routing', [
    {
      name: 'a header misspelt',
      ...edit('by-end-user.yaml', 'end-user:', 'enduser:'),
      caughtBy: 'jason gets v2 of service2',
    },
    {
      name: 'a subset swapped',
      ...edit('by-end-user.yaml', jasonGetsV2, jasonGetsV2.replace(/v2$/, 'v1')),
      caughtBy: 'jason gets v2 of service2',
    },
    {
      name: 'a value that is a beginning of others',
      ...edit('by-end-user.yaml', 'exact: jason', 'prefix: jason'),
      caughtBy: 'who is almost called jason gets v1 of service2',
    },
    {
      name: 'the labels of a subset swapped',
      ...edit(
        'by-header.yaml',
        '    - name: v1\n      labels:\n        version: v1',
        '    - name: v1\n      labels:\n        version: v2',
      ),
      caughtBy: 'no x-canary gets v1 of service3',
    },
    {
      name: 'one value of a header instead of any',
      ...edit('by-header.yaml', 'regex: .+', 'exact: "yes"'),
      caughtBy: 'x-canary gets v2 of service3, whatever it says',
    },
    {
      name: 'the host of a route renamed',
      ...edit('by-header.yaml', '  hosts:\n    - service3', '  hosts:\n    - service4'),
      caughtBy: 'no x-canary gets v1 of service3',
    },
  ]),
  ...ofLab('request-routing-gateway-api', [
    {
      name: 'a header misspelt',
      ...edit('http-route.yaml', 'name: end-user', 'name: enduser'),
      caughtBy: 'jason gets v2',
    },
    {
      name: 'versions swapped',
      ...edit('http-route.yaml', '- name: service2-v1', '- name: service2-v2'),
      caughtBy: 'mary gets v1',
    },
    {
      name: 'the port of a parent dropped',
      ...edit('http-route.yaml', '      name: service2\n      port: 8080\n', '      name: service2\n'),
      caughtBy: 'gRPC is another port, about which the route says nothing',
    },
  ]),
  ...ofLab('request-timeouts', [
    {
      name: 'a timeout dropped',
      ...edit('timeout.yaml', '- timeout: 500ms\n      route', '- route'),
      caughtBy: 'nobody waits longer than half a second for service2',
    },
    {
      name: 'the timeout of a try dropped',
      ...edit('timeout-of-a-try.yaml', '        perTryTimeout: 500ms\n', ''),
      caughtBy: 'a second try hides a service3 that is slow once, but for the time of the first',
    },
    {
      name: 'another reason to try again',
      ...edit('timeout-of-a-try.yaml', 'retryOn: gateway-error', 'retryOn: connect-failure'),
      caughtBy: 'a second try hides a service3 that is slow once, but for the time of the first',
    },
  ]),
  ...ofLab('retries', [
    {
      name: 'one try less',
      ...edit('everywhere.yaml', retriesOf('service3', 2), retriesOf('service3', 1)),
      caughtBy: 'the third try of service3 helps',
    },
    {
      name: 'one try more',
      ...edit('everywhere.yaml', retriesOf('service3', 2), retriesOf('service3', 3)),
      caughtBy: 'two tries do not help one who fails three times',
    },
    {
      name: 'tries left on a level above',
      ...edit('at-one-level.yaml', retriesOf('service2', 0), `${retriesOf('service2', 2)}        retryOn: 5xx\n`),
      cases: 'tamed.test.yaml',
      caughtBy: 'only who calls service3 tries again',
    },
  ]),
  ...ofLab('telemetry', [
    {
      name: 'another share of traces',
      ...edit('telemetry.yaml', 'randomSamplingPercentage: 10', 'randomSamplingPercentage: 100'),
      caughtBy: 'one trace in ten is recorded, and it is so for all of a cascade',
    },
    {
      name: 'a sampling for a workload that is not there',
      ...edit('telemetry.yaml', 'istio: ingressgateway', 'istio: ingress'),
      caughtBy: 'one trace in ten is recorded, and it is so for all of a cascade',
    },
  ]),
  ...ofLab('traffic-shifting', [
    {
      name: 'weights changed',
      ...edit(
        'ninety-ten.yaml',
        `${weightOf('v1', 90)}${weightOf('v2', 10)}`,
        `${weightOf('v1', 80)}${weightOf('v2', 20)}`,
      ),
      caughtBy: 'a tenth of the calls goes to v2 of service3',
    },
    {
      name: 'weights swapped',
      ...edit(
        'ninety-ten.yaml',
        `${weightOf('v1', 90)}${weightOf('v2', 10)}`,
        `${weightOf('v1', 10)}${weightOf('v2', 90)}`,
      ),
      caughtBy: 'a tenth of the calls goes to v2 of service3',
    },
  ]),
  ...ofLab('../octopus', [
    {
      name: 'the version that answers swapped',
      ...edit(
        'v1-only.yaml',
        '            host: webserver\n            subset: v1',
        '            host: webserver\n            subset: v2',
      ),
      cases: 'v1-only.test.yaml',
      caughtBy: 'v1 alone answers',
    },
    {
      name: 'a header misspelt',
      ...edit('canary.yaml', 'end-user:', 'enduser:'),
      cases: 'canary.test.yaml',
      caughtBy: 'jason gets v2',
    },
    {
      name: 'weights changed',
      ...edit('canary.yaml', 'weight: 10', 'weight: 90'),
      cases: 'canary.test.yaml',
      caughtBy: 'a tenth of the others gets v2',
    },
    {
      name: 'another reason to try again',
      ...edit('retries.yaml', 'retryOn: 5xx', 'retryOn: gateway-error'),
      cases: 'retries.test.yaml',
      caughtBy: 'another try helps',
    },
  ]),
];

function ofLab(lab: string, all: readonly Omit<Mutation, 'lab'>[]): Mutation[] {
  return all.map((mutation) => ({ lab, ...mutation }));
}

function edit(file: string, text: string, becomes: string): Pick<Mutation, 'file' | 'text' | 'becomes'> {
  return { file, text, becomes };
}

function weightOf(version: string, weight: number): string {
  return `        - destination:\n            host: service3\n            subset: ${version}\n          weight: ${weight}\n`;
}

function retriesOf(host: string, attempts: number): string {
  return `    - ${host}\n  http:\n    - retries:\n        attempts: ${attempts}\n`;
}
