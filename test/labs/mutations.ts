/** A mistake in a manifest of a lab, and the case of the lab that must fail with it. */
export interface Mutation {
  readonly name: string;
  readonly lab: string;
  /** File in the folder of the lab. */
  readonly file: string;
  /** Text to replace, which the file has exactly once. */
  readonly text: string;
  readonly replacement: string;
  /** Name of the case that must fail. */
  readonly caughtBy: string;
  /** File of the case; `test.yaml` if not given. */
  readonly cases?: string;
}

const jasonGetsV2 = `              exact: jason
      route:
        - destination:
            host: service2
            subset: v2`;

/** All mutations, grouped by lab, because the manifests of a lab are applied once for all of its cases. */
export const mutations: readonly Mutation[] = [
  ...ofLab('authorization', [
    {
      name: 'a policy with DENY instead of ALLOW',
      ...edit('allow.yaml', 'action: ALLOW', 'action: DENY'),
      caughtBy: 'service1 may call service4',
    },
    {
      name: 'a policy for the wrong workload',
      ...edit('allow.yaml', 'app: service4', 'app: service3'),
      caughtBy: 'only service1 may call /hello',
    },
    {
      name: 'a policy for another identity',
      ...edit('allow.yaml', 'sa/gateway', 'sa/service2'),
      caughtBy: 'gateway may call a public path',
    },
    {
      name: 'a path without the paths below it',
      ...edit('allow.yaml', '/public/*', '/public'),
      caughtBy: 'gateway may call a public path',
    },
    {
      name: 'a missing method',
      ...edit('allow.yaml', '            methods:\n              - GET\n', ''),
      caughtBy: 'gateway may not POST to a public path',
    },
    {
      name: 'a policy with ALLOW instead of DENY',
      ...edit('deny.yaml', 'action: DENY', 'action: ALLOW'),
      caughtBy: 'service1 may not call a path below /admin',
    },
    {
      name: 'a missing path',
      ...edit('deny.yaml', '              - /admin\n', ''),
      caughtBy: 'service1 may not call /admin itself',
    },
    {
      name: 'a path prefix without its slash',
      ...edit('deny.yaml', '/admin/*', '/admin*'),
      caughtBy: '/administration is not below /admin',
    },
  ]),
  ...ofLab('circuit-breaking', [
    {
      name: 'no limit on pending calls',
      ...edit('pool.yaml', '        http1MaxPendingRequests: 1\n', ''),
      caughtBy: 'most of twelve concurrent calls are rejected',
    },
    {
      name: 'a high limit on gRPC calls',
      ...edit('pool.yaml', 'http2MaxRequests: 1', 'http2MaxRequests: 100'),
      caughtBy: 'most of twelve concurrent gRPC calls are rejected',
    },
    {
      name: 'a renamed host of a connection pool',
      ...edit('pool.yaml', 'host: service4', 'host: service5'),
      caughtBy: 'most of twelve concurrent calls are rejected',
    },
  ]),
  ...ofLab('dry-run', [
    {
      name: 'a DENY policy that is in force',
      ...edit('deny.yaml', 'istio.io/dry-run: "true"', 'istio.io/dry-run: "false"'),
      caughtBy: 'no request is refused',
    },
    {
      name: 'an ALLOW policy without the annotation',
      ...edit('allow.yaml', '  annotations:\n    istio.io/dry-run: "true"\n', ''),
      caughtBy: 'no request is refused',
    },
    {
      name: 'a policy for the wrong workload',
      ...edit('deny.yaml', 'app: service4', 'app: service3'),
      caughtBy: 'the DENY policy would refuse the paths below /admin',
    },
    {
      name: 'a missing path',
      ...edit('deny.yaml', '              - /admin\n', ''),
      caughtBy: 'the DENY policy would refuse the paths below /admin',
    },
    {
      name: 'a path prefix without its slash',
      ...edit('deny.yaml', '/admin/*', '/admin*'),
      caughtBy: 'the DENY policy would refuse no other path',
    },
    {
      name: 'a policy for another identity',
      ...edit('allow.yaml', 'sa/service1', 'sa/service2'),
      caughtBy: 'the ALLOW policy would allow service1 only',
    },
  ]),
  ...ofLab('egress', [
    {
      name: 'an outbound policy that allows any host',
      ...edit('registry-only.yaml', 'REGISTRY_ONLY', 'ALLOW_ANY'),
      caughtBy: 'a host without a ServiceEntry is refused',
    },
    {
      name: 'a misspelled address of an external host',
      ...edit('service-entry.yaml', 'address: partner.', 'address: partners.'),
      caughtBy: 'a host with a ServiceEntry is called in plain text',
    },
    {
      name: 'a missing timeout for an external host',
      ...edit('timeout.yaml', '- timeout: 0.5s\n      route', '- route'),
      caughtBy: 'a call to a slow host times out',
    },
  ]),
  ...ofLab('egress-gateway', [
    {
      name: 'a misspelled selector of a gateway',
      ...edit('gateway.yaml', 'istio: egressgateway', 'istio: egress'),
      caughtBy: 'calls of gateway pass the egress gateway',
    },
    {
      name: 'another name of the server in TLS',
      ...edit('gateway.yaml', 'sni: partner.outside', 'sni: tracker.outside'),
      caughtBy: 'calls of gateway pass the egress gateway',
    },
    {
      name: 'a route that the sidecars do not have',
      ...edit('through-gateway.yaml', '    - mesh\n    - egress\n', '    - egress\n'),
      caughtBy: 'calls of gateway pass the egress gateway',
    },
    {
      name: 'a route that the egress gateway does not have',
      ...edit('through-gateway.yaml', '    - mesh\n    - egress\n', '    - mesh\n'),
      caughtBy: 'gateway may use every path and method',
    },
    {
      name: 'a policy for another identity',
      ...edit('allow.yaml', 'sa/gateway', 'sa/service1'),
      caughtBy: 'gateway may use every path and method',
    },
    {
      name: 'a policy for a host without its port',
      ...edit('allow.yaml', 'partner.outside*', 'partner.outside'),
      caughtBy: 'calls of gateway pass the egress gateway',
    },
    {
      name: 'a policy in another namespace than the egress gateway',
      ...edit('allow.yaml', 'namespace: istio-system', 'namespace: default'),
      caughtBy: 'the egress gateway refuses the calls of other services',
    },
  ]),
  ...ofLab('egress-gateway-tls', [
    {
      name: 'a misspelled Secret of the egress gateway',
      ...edit('originate.yaml', 'bank-client', 'bank-clients'),
      caughtBy: 'calls in plain text reach the bank with the certificate of the egress gateway',
    },
    {
      name: 'TLS without a certificate of the client',
      ...edit('originate.yaml', 'mode: MUTUAL', 'mode: SIMPLE'),
      caughtBy: 'the bank receives every path and method',
    },
    {
      name: 'another name that the certificate of the host must have',
      ...edit('originate.yaml', '- bank.outside', '- vault.outside'),
      caughtBy: 'the bank receives every path and method',
    },
    {
      name: 'another name of the server in TLS',
      ...edit('originate.yaml', 'sni: bank.outside', 'sni: vault.outside'),
      caughtBy: 'calls in plain text reach the bank with the certificate of the egress gateway',
    },
    {
      name: 'a rule in another namespace than the egress gateway',
      ...edit('originate.yaml', 'namespace: istio-system', 'namespace: default'),
      caughtBy: 'calls in plain text reach the bank with the certificate of the egress gateway',
    },
    {
      name: 'a route that the sidecars do not have',
      ...edit('through-gateway.yaml', '    - mesh\n    - egress\n', '    - egress\n'),
      caughtBy: 'calls in plain text reach the bank with the certificate of the egress gateway',
    },
  ]),
  ...ofLab('egress-wildcard', [
    {
      name: 'a wildcard of another domain',
      ...edit('wildcard.yaml', '"*.outside"', '"*.example"'),
      caughtBy: 'every host below .outside may be called',
    },
    {
      name: 'a wildcard of one more domain',
      ...edit('wildcard.yaml', '"*.outside"', '"*.outside"\n    - "*.elsewhere"'),
      caughtBy: 'a host with another name may not be called',
    },
    {
      name: 'a port whose protocol is not TLS',
      ...edit('wildcard.yaml', 'protocol: TLS', 'protocol: HTTP'),
      caughtBy: 'every host below .outside may be called',
    },
    {
      name: 'another port',
      ...edit('wildcard.yaml', 'number: 8443', 'number: 443'),
      caughtBy: 'every host below .outside may be called',
    },
  ]),
  ...ofLab('egress-tls-origination', [
    {
      name: 'a certificate that the sidecars verify, and that no authority has signed',
      ...edit('originate.yaml', '          insecureSkipVerify: true\n', ''),
      caughtBy: 'the sidecars begin TLS for calls in plain text',
    },
    {
      name: 'TLS for every port of the host',
      ...edit(
        'originate.yaml',
        '    portLevelSettings:\n      - port:\n          number: 8080\n        tls:\n',
        '    tls:\n',
      ),
      caughtBy: 'callers may speak TLS themselves',
    },
    {
      name: 'another name of the server in TLS',
      ...edit('originate.yaml', 'mode: SIMPLE', 'mode: SIMPLE\n          sni: vault.outside'),
      caughtBy: 'the sidecars begin TLS for calls in plain text',
    },
    {
      name: 'a missing port of the outside host',
      ...edit('service-entry.yaml', '      targetPort: 8443\n', ''),
      caughtBy: 'the sidecars begin TLS for calls in plain text',
    },
    {
      name: 'a port whose protocol is not HTTP',
      ...edit('service-entry.yaml', 'protocol: HTTP', 'protocol: TCP'),
      caughtBy: 'the sidecar reads the request, so it can end a slow one',
    },
    {
      name: 'a timeout ten times as long',
      ...edit('timeout.yaml', 'timeout: 0.5s', 'timeout: 5s'),
      caughtBy: 'the sidecar reads the request, so it can end a slow one',
    },
  ]),
  ...ofLab('external-authorization', [
    {
      name: 'a policy for the wrong workload',
      ...edit('custom.yaml', 'app: service4', 'app: service3'),
      caughtBy: 'service4 receives the header of the authorizer',
    },
    {
      name: 'a path without the paths below it',
      ...edit('custom.yaml', '/public/*', '/public'),
      caughtBy: 'the authorizer is not asked about public paths',
    },
    {
      name: 'a policy for every port',
      ...edit('custom.yaml', '            ports:\n              - "8080"\n', ''),
      caughtBy: 'gRPC calls and the other services are not affected',
    },
    {
      name: 'a misspelled provider',
      ...edit('custom.yaml', 'name: authorizer', 'name: authoriser'),
      caughtBy: 'service4 receives the header of the authorizer',
    },
    {
      name: 'a misspelled service of a provider',
      ...edit('provider.yaml', 'service: authorizer.default', 'service: authoriser.default'),
      caughtBy: 'the authorizer refuses a path',
    },
    {
      name: 'a header of the request that the authorizer does not receive',
      ...edit('provider.yaml', '- end-user', '- x-canary'),
      caughtBy: 'the authorizer receives one header of the request',
    },
    {
      name: 'a header of the answer that service4 does not receive',
      ...edit('provider.yaml', '- x-checked-by', '- x-checked'),
      caughtBy: 'service4 receives the header of the authorizer',
    },
    {
      name: 'a provider that lets requests pass without an answer',
      ...edit('provider.yaml', 'statusOnError: "503"', 'failOpen: true'),
      caughtBy: 'no request passes without an answer of the authorizer',
    },
    {
      name: 'a timeout ten times as long',
      ...edit('provider.yaml', 'timeout: 1s', 'timeout: 10s'),
      caughtBy: 'a slow authorizer counts as a failed one',
    },
  ]),
  ...ofLab('fault-injection', [
    {
      name: 'a misspelled user of a delay',
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
      caughtBy: 'half of the calls to service3 are aborted before they reach it',
    },
    {
      name: 'another status of a fault',
      ...edit('abort.yaml', 'httpStatus: 503', 'httpStatus: 500'),
      caughtBy: 'half of the calls to service3 are aborted before they reach it',
    },
  ]),
  ...ofLab('grpc-routing', [
    {
      name: 'a misspelled gRPC method',
      ...edit('by-method.yaml', 'MeshMock/Call', 'MeshMock/call'),
      caughtBy: 'jason gets v2 of service3 over gRPC',
    },
    {
      name: 'a gRPC route that matches HTTP too',
      ...edit('by-method.yaml', 'prefix: /meshmock.v1.MeshMock/', 'prefix: /'),
      caughtBy: 'HTTP calls are not affected',
    },
  ]),
  ...ofLab('header-manipulation', [
    {
      name: 'a header that is added instead of set',
      ...edit('headers.yaml', 'set:', 'add:'),
      caughtBy: 'the sidecar replaces end-user mary with jason',
    },
    {
      name: 'another value of a header',
      ...edit('headers.yaml', 'end-user: jason', 'end-user: mary'),
      caughtBy: 'service1 receives end-user jason and calls v2 of service2',
    },
    {
      name: 'a misspelled header to remove',
      ...edit('headers.yaml', '- x-meshmock', '- x-meshmok'),
      caughtBy: 'the signature of service4 is removed from its answers',
    },
  ]),
  ...ofLab('ingress', [
    {
      name: 'a misspelled gateway of a route',
      ...edit('virtual-service.yaml', '    - shop\n', '    - shops\n'),
      caughtBy: 'a request below /api reaches gateway without the prefix',
    },
    {
      name: 'a renamed host of a route',
      ...edit('virtual-service.yaml', 'shop.example.com', 'shop.example.org'),
      caughtBy: 'a request below /api reaches gateway without the prefix',
    },
    {
      name: 'a missing rewrite',
      ...edit('virtual-service.yaml', '      rewrite:\n        uri: /\n', ''),
      caughtBy: 'a request below /api reaches gateway without the prefix',
    },
    {
      name: 'a path prefix without its slash',
      ...edit('virtual-service.yaml', 'prefix: /api/', 'prefix: /api'),
      caughtBy: '/apidocs is not below /api',
    },
  ]),
  ...ofLab('ingress-gateway-api', [
    {
      name: 'a misspelled gateway of a route',
      ...edit('http-route.yaml', '    - name: shop\n', '    - name: shops\n'),
      caughtBy: 'a request below /api reaches gateway without the prefix',
    },
    {
      name: 'another prefix',
      ...edit('http-route.yaml', 'value: /api', 'value: /shop'),
      caughtBy: 'a request below /api reaches gateway without the prefix',
    },
    {
      name: 'another replacement of a prefix',
      ...edit('http-route.yaml', 'replacePrefixMatch: /', 'replacePrefixMatch: /v1'),
      caughtBy: 'a request below /api reaches gateway without the prefix',
    },
  ]),
  ...ofLab('jwt', [
    {
      name: 'a misspelled issuer',
      ...edit('request-authentication.yaml', 'issuer: labs@', 'issuer: lab@'),
      caughtBy: 'a reader may call /hello',
    },
    {
      name: 'a token that is not forwarded',
      ...edit('request-authentication.yaml', 'forwardOriginalToken: true', 'forwardOriginalToken: false'),
      caughtBy: 'service4 receives the token and forwards it',
    },
    {
      name: 'another group',
      ...edit('authorization-policy.yaml', '- admins', '- readers'),
      caughtBy: 'a reader may not call /admin',
    },
    {
      name: 'a misspelled path to exclude',
      ...edit('authorization-policy.yaml', '- /admin*', '- /admins*'),
      caughtBy: 'a reader may not call /admin',
    },
  ]),
  ...ofLab('load-balancing', [
    {
      name: 'a misspelled header of a hash',
      ...edit('by-end-user.yaml', 'httpHeaderName: end-user', 'httpHeaderName: enduser'),
      caughtBy: 'jason gets one pod of service2',
    },
  ]),
  ...ofLab('locality-load-balancing', [
    {
      name: 'disabled zones',
      ...edit('zone-first.yaml', 'enabled: true', 'enabled: false'),
      caughtBy: 'shop calls stock in its own zone',
    },
    {
      name: 'a later ejection of a failing zone',
      ...edit('zone-first.yaml', 'consecutive5xxErrors: 3', 'consecutive5xxErrors: 30'),
      caughtBy: 'shop calls the other zone after three failures in its own',
    },
  ]),
  ...ofLab('mirroring', [
    {
      name: 'a mirror of no requests',
      ...edit('mirror.yaml', 'value: 100', 'value: 0'),
      caughtBy: 'the mirrored call reaches service4 first',
    },
    {
      name: 'a swapped version',
      ...edit('mirror.yaml', 'subset: v1\n      mirrors', 'subset: v2\n      mirrors'),
      caughtBy: 'only v1 of service3 answers',
    },
  ]),
  ...ofLab('mtls-migration', [
    {
      name: 'a policy that accepts plain text',
      ...edit('strict.yaml', 'STRICT', 'PERMISSIVE'),
      caughtBy: 'service4 resets plain text connections',
    },
    {
      name: 'a policy for one workload instead of all',
      ...edit('strict.yaml', '  mtls:', '  selector:\n    matchLabels:\n      app: service4\n  mtls:'),
      caughtBy: 'the other services reset plain text connections too',
    },
  ]),
  ...ofLab('outlier-detection', [
    {
      name: 'a later ejection of a failing pod',
      ...edit('ejection.yaml', 'consecutive5xxErrors: 3', 'consecutive5xxErrors: 30'),
      caughtBy: 'the failing pod gets only a few calls',
    },
  ]),
  ...ofLab('rate-limit', [
    {
      name: 'a limit on outbound instead of inbound requests',
      ...edit('rate-limit.yaml', 'SIDECAR_INBOUND', 'SIDECAR_OUTBOUND'),
      caughtBy: 'about ten of a hundred requests are answered, the others get 429',
    },
    {
      name: 'a limit ten times as high',
      ...edit('rate-limit.yaml', 'max_tokens: 10', 'max_tokens: 100'),
      caughtBy: 'about ten of a hundred requests are answered, the others get 429',
    },
  ]),
  ...ofLab('request-hedging', [
    {
      name: 'a filter for another port',
      ...edit('hedging.yaml', 'local:8080', 'local:9090'),
      caughtBy: 'the first attempt answers after the second one has begun',
    },
    {
      name: 'a filter for inbound requests',
      ...edit('hedging.yaml', 'SIDECAR_OUTBOUND', 'SIDECAR_INBOUND'),
      caughtBy: 'the first attempt answers if the second one is slower',
    },
    {
      name: 'a missing timeout of one attempt',
      ...edit('retry.yaml', '        perTryTimeout: 500ms\n', ''),
      caughtBy: 'the second attempt answers if only the first one is slow',
    },
    {
      name: 'a renamed host of a retry',
      ...edit('retry.yaml', '  hosts:\n    - service3', '  hosts:\n    - service2'),
      caughtBy: 'the second attempt answers if only the first one is slow',
    },
  ]),
  ...ofLab('request-routing', [
    {
      name: 'a misspelled header',
      ...edit('by-end-user.yaml', 'end-user:', 'enduser:'),
      caughtBy: 'jason gets v2 of service2',
    },
    {
      name: 'a swapped subset',
      ...edit('by-end-user.yaml', jasonGetsV2, jasonGetsV2.replace(/v2$/, 'v1')),
      caughtBy: 'jason gets v2 of service2',
    },
    {
      name: 'a prefix instead of an exact value',
      ...edit('by-end-user.yaml', 'exact: jason', 'prefix: jason'),
      caughtBy: 'jasonette gets v1 of service2',
    },
    {
      name: 'swapped labels of a subset',
      ...edit(
        'by-header.yaml',
        '    - name: v1\n      labels:\n        version: v1',
        '    - name: v1\n      labels:\n        version: v2',
      ),
      caughtBy: 'a request without x-canary gets v1 of service3',
    },
    {
      name: 'one value of a header instead of any',
      ...edit('by-header.yaml', 'regex: .+', 'exact: "yes"'),
      caughtBy: 'any value of x-canary gets v2 of service3',
    },
    {
      name: 'a renamed host of a route',
      ...edit('by-header.yaml', '  hosts:\n    - service3', '  hosts:\n    - service4'),
      caughtBy: 'a request without x-canary gets v1 of service3',
    },
  ]),
  ...ofLab('request-routing-gateway-api', [
    {
      name: 'a misspelled header',
      ...edit('http-route.yaml', 'name: end-user', 'name: enduser'),
      caughtBy: 'jason gets v2',
    },
    {
      name: 'swapped versions',
      ...edit('http-route.yaml', '- name: service2-v1', '- name: service2-v2'),
      caughtBy: 'mary gets v1',
    },
    {
      name: 'a missing port of a parent',
      ...edit('http-route.yaml', '      name: service2\n      port: 8080\n', '      name: service2\n'),
      caughtBy: 'gRPC calls use a port that the route does not cover',
    },
  ]),
  ...ofLab('request-timeouts', [
    {
      name: 'a missing timeout',
      ...edit('timeout.yaml', '- timeout: 500ms\n      route', '- route'),
      caughtBy: 'a call to service2 times out after half a second',
    },
    {
      name: 'a missing timeout of one try',
      ...edit('timeout-of-a-try.yaml', '        perTryTimeout: 500ms\n', ''),
      caughtBy: 'the second attempt succeeds when service3 is slow once',
    },
    {
      name: 'another retry condition',
      ...edit('timeout-of-a-try.yaml', 'retryOn: gateway-error', 'retryOn: connect-failure'),
      caughtBy: 'the second attempt succeeds when service3 is slow once',
    },
  ]),
  ...ofLab('retries', [
    {
      name: 'one retry less',
      ...edit('everywhere.yaml', retriesOf('service3', 2), retriesOf('service3', 1)),
      caughtBy: 'the third attempt on service3 succeeds',
    },
    {
      name: 'one retry more',
      ...edit('everywhere.yaml', retriesOf('service3', 2), retriesOf('service3', 3)),
      caughtBy: 'three attempts are not enough when service3 fails three times',
    },
    {
      name: 'retries on another level',
      ...edit('at-one-level.yaml', retriesOf('service2', 0), `${retriesOf('service2', 2)}        retryOn: 5xx\n`),
      cases: 'tamed.test.yaml',
      caughtBy: 'only the caller of service3 retries',
    },
  ]),
  ...ofLab('secure-ingress', [
    // The gateway keeps a certificate whose Secret is deleted, so this mutation must be the first one.
    {
      name: 'a Secret in another namespace than the gateway',
      ...edit(
        'certificates.yaml',
        'name: shop-cert\n  namespace: istio-system',
        'name: shop-cert\n  namespace: default',
      ),
      caughtBy: 'services of the mesh may use shop.example.com too',
    },
    {
      name: 'a host without client certificates',
      ...edit('gateway.yaml', 'mode: MUTUAL', 'mode: SIMPLE'),
      caughtBy: 'a partner without a certificate is refused',
    },
    {
      name: 'optional client certificates',
      ...edit('gateway.yaml', 'mode: MUTUAL', 'mode: OPTIONAL_MUTUAL'),
      caughtBy: 'a partner without a certificate is refused',
    },
    {
      name: 'the certificate of another host',
      ...edit('gateway.yaml', 'credentialName: shop-cert', 'credentialName: partners-cert'),
      caughtBy: 'services of the mesh may use shop.example.com too',
    },
    {
      name: 'a renamed host of a server',
      ...edit('gateway.yaml', '        - shop.example.com', '        - shop.example.org'),
      caughtBy: 'services of the mesh may use shop.example.com too',
    },
    {
      name: 'a route for another host',
      ...edit('routes.yaml', 'exact: partners.example.com', 'exact: shop.example.com'),
      caughtBy: 'a partner with a certificate reaches service1, which sees the name in it',
    },
    {
      name: 'a misspelled gateway of a route for TLS',
      ...edit('passthrough.yaml', '    - vault\n  tls', '    - vaults\n  tls'),
      caughtBy: 'TLS for vault.example.com passes through the gateway',
    },
  ]),
  ...ofLab('telemetry', [
    {
      name: 'another share of traces',
      ...edit('telemetry.yaml', 'randomSamplingPercentage: 10', 'randomSamplingPercentage: 100'),
      caughtBy: 'one trace in ten is recorded, in every service of the cascade',
    },
    {
      name: 'sampling for a missing workload',
      ...edit('telemetry.yaml', 'istio: ingressgateway', 'istio: ingress'),
      caughtBy: 'one trace in ten is recorded, in every service of the cascade',
    },
  ]),
  ...ofLab('traffic-shifting', [
    {
      name: 'changed weights',
      ...edit(
        'ninety-ten.yaml',
        `${weightOf('v1', 90)}${weightOf('v2', 10)}`,
        `${weightOf('v1', 80)}${weightOf('v2', 20)}`,
      ),
      caughtBy: 'a tenth of the calls goes to v2 of service3',
    },
    {
      name: 'swapped weights',
      ...edit(
        'ninety-ten.yaml',
        `${weightOf('v1', 90)}${weightOf('v2', 10)}`,
        `${weightOf('v1', 10)}${weightOf('v2', 90)}`,
      ),
      caughtBy: 'a tenth of the calls goes to v2 of service3',
    },
  ]),
  ...ofLab('tcp', [
    {
      name: 'a route for HTTP instead of TCP',
      ...edit('weights.yaml', '  tcp:\n    - match:\n        - port: 9000\n      route:', '  http:\n    - route:'),
      caughtBy: 'a fifth of the connections goes to v2 of echo',
    },
    {
      name: 'a route for another port',
      ...edit('weights.yaml', '        - port: 9000\n      route', '        - port: 9001\n      route'),
      caughtBy: 'a fifth of the connections goes to v2 of echo',
    },
    {
      name: 'a policy for another identity',
      ...edit('allow.yaml', 'sa/gateway', 'sa/service1'),
      caughtBy: 'every connection of gateway is answered',
    },
    {
      name: 'a policy that names a method, which no connection has',
      ...edit('allow.yaml', '            ports:', '            methods: [GET]\n            ports:'),
      caughtBy: 'every connection of gateway is answered',
    },
    {
      name: 'a policy for every port',
      ...edit('allow.yaml', '      to:\n        - operation:\n            ports:\n              - "9000"\n', ''),
      caughtBy: 'gateway may not use the HTTP port of echo',
    },
  ]),
  ...ofLab('websocket', [
    {
      name: 'a misspelled header',
      ...edit('by-end-user.yaml', 'end-user:', 'enduser:'),
      caughtBy: 'the WebSockets of jason go to v2 of service2',
    },
    {
      name: 'another path of the handshake',
      ...edit('by-end-user.yaml', 'prefix: /chat', 'prefix: /talk'),
      caughtBy: 'the WebSockets of jason go to v2 of service2',
    },
    {
      name: 'a timeout ten times as long',
      ...edit('resilience.yaml', 'timeout: 500ms', 'timeout: 5s'),
      caughtBy: 'an HTTP call to service3 times out',
    },
    {
      name: 'one retry less',
      ...edit('resilience.yaml', 'attempts: 2', 'attempts: 1'),
      caughtBy: 'an HTTP call to service3 is retried',
    },
    {
      name: 'a policy for another identity',
      ...edit('gateway-only.yaml', 'sa/gateway', 'sa/service1'),
      caughtBy: 'gateway may open a WebSocket to service4',
    },
    {
      name: 'a policy for the wrong workload',
      ...edit('gateway-only.yaml', 'app: service4', 'app: service3'),
      caughtBy: 'only gateway may open a WebSocket to service4',
    },
    {
      name: 'a policy for HTTP calls too',
      ...edit(
        'gateway-only.yaml',
        '      when:\n        - key: request.headers[upgrade]\n          values:\n            - websocket\n',
        '',
      ),
      caughtBy: 'HTTP calls to service4 are not affected',
    },
  ]),
  ...ofLab('../octopus', [
    {
      name: 'a swapped version',
      ...edit(
        'v1-only.yaml',
        '            host: webserver\n            subset: v1',
        '            host: webserver\n            subset: v2',
      ),
      cases: 'v1-only.test.yaml',
      caughtBy: 'only v1 answers',
    },
    {
      name: 'a misspelled header',
      ...edit('canary.yaml', 'end-user:', 'enduser:'),
      cases: 'canary.test.yaml',
      caughtBy: 'jason gets v2',
    },
    {
      name: 'changed weights',
      ...edit('canary.yaml', 'weight: 10', 'weight: 90'),
      cases: 'canary.test.yaml',
      caughtBy: 'a tenth of the other calls goes to v2',
    },
    {
      name: 'another retry condition',
      ...edit('retries.yaml', 'retryOn: 5xx', 'retryOn: gateway-error'),
      cases: 'retries.test.yaml',
      caughtBy: 'retries hide the failures',
    },
  ]),
];

function ofLab(lab: string, all: readonly Omit<Mutation, 'lab'>[]): Mutation[] {
  return all.map((mutation) => ({ lab, ...mutation }));
}

function edit(file: string, text: string, replacement: string): Pick<Mutation, 'file' | 'text' | 'replacement'> {
  return { file, text, replacement };
}

function weightOf(version: string, weight: number): string {
  return `        - destination:\n            host: service3\n            subset: ${version}\n          weight: ${weight}\n`;
}

function retriesOf(host: string, attempts: number): string {
  return `    - ${host}\n  http:\n    - retries:\n        attempts: ${attempts}\n`;
}
