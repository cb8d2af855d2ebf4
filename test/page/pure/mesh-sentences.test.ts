/** A property of all sentences about objects: wrong YAML of a user neither stops the page nor prints names of JavaScript. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { isWorkload, type KubeObject } from '../../../src/istio/resources/objects.ts';
import { appliesTo, mirrorTargets } from '../../../src/mesh-page/describe/object-targets.ts';
import { aboutObject } from '../../../src/mesh-page/describe/purpose.ts';
import { describedRules } from '../../../src/mesh-page/describe/rules.ts';
import { aboutWorkload, workloadWords } from '../../../src/mesh-page/describe/workload.ts';

/** Objects with every field that a sentence reads. */
const examples = `
apiVersion: networking.istio.io/v1
kind: VirtualService
spec:
  hosts: [back]
  http:
  - match:
    - uri: {prefix: /a}
      ignoreUriCase: true
      scheme: {exact: http}
      method: {regex: G.*}
      authority: {exact: a}
      headers: {end-user: {exact: jason}, x-a: {}}
      queryParams: {a: {prefix: b}}
      withoutHeaders: {x-b: {exact: c}}
      port: 80
      sourceLabels: {app: a}
      sourceNamespace: shop
      gateways: [mesh, shop/entry]
      unknown: 1
    corsPolicy: {allowOrigins: [{exact: a}, {regex: b}], allowMethods: [GET], allowHeaders: [a], exposeHeaders: [b], maxAge: 1s, allowCredentials: true, unmatchedPreflights: IGNORE}
    fault: {abort: {httpStatus: 503, percentage: {value: 5}}, delay: {fixedDelay: 1s, percentage: {value: 5}}}
    rewrite: {uri: /b, authority: b}
    headers: {request: {set: {a: b}, add: {c: d}, remove: [e]}, response: {set: {a: b}, add: {c: d}, remove: [e]}}
    route:
    - {destination: {host: back, subset: v1}, weight: 90, headers: {request: {set: {a: b}}}}
    - {destination: {host: back}, weight: 10}
    mirror: {host: back, subset: v2}
    mirrorPercentage: {value: 40}
    timeout: 1s
    retries: {attempts: 2, retryOn: 5xx, perTryTimeout: 1s}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
spec:
  http:
  - {redirect: {scheme: https, authority: b, port: 1, uri: /a, redirectCode: 302}}
  - {directResponse: {status: 404}, fault: {abort: {grpcStatus: UNAVAILABLE, percent: 5}}}
  - {delegate: {name: other}, mirrors: [{destination: {host: a, subset: b}, percentage: {value: 5}}]}
  - {rewrite: {uriRegexRewrite: {match: a, rewrite: b}}, corsPolicy: {allowOrigin: ['*']}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
spec:
  tls:
  - {match: [{sniHosts: [a], destinationSubnets: [10.0.0.0/8], port: 1, sourceLabels: {a: b}, gateways: [mesh]}], route: [{destination: {host: back}}]}
  tcp:
  - {match: [{sourceSubnet: 10.0.0.0/8, sourceNamespace: a}], route: [{destination: {host: back, subset: v1}, weight: 1}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
spec:
  host: back
  trafficPolicy:
    tls: {mode: SIMPLE, sni: a}
    outlierDetection: {consecutive5xxErrors: 1, consecutiveGatewayErrors: 2, interval: 1s, baseEjectionTime: 1s, maxEjectionPercent: 5}
    connectionPool: {tcp: {maxConnections: 1, connectTimeout: 1s}, http: {http1MaxPendingRequests: 1, http2MaxRequests: 1, maxRequestsPerConnection: 1, maxRetries: 1}}
    loadBalancer: {simple: RANDOM}
    portLevelSettings:
    - {port: {number: 80}, loadBalancer: {consistentHash: {httpCookie: {name: a}}}}
  subsets:
  - {name: v1, labels: {version: v1}, trafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [{from: a}]}}}}
  - {name: v2, labels: {version: v2}, trafficPolicy: {outlierDetection: {consecutiveErrors: 3}, tls: {mode: MUTUAL}}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {annotations: {istio.io/dry-run: 'true'}}
spec:
  selector: {matchLabels: {app: back}}
  action: DENY
  rules:
  - from: [{source: {principals: [a], notNamespaces: [b]}}]
    to: [{operation: {methods: [GET], ports: ['1'], paths: [/a]}}]
    when: [{key: request.headers[a], values: [b]}, {key: source.ip, notValues: [c]}]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
spec: {selector: {matchLabels: {app: back}}, mtls: {mode: STRICT}, portLevelMtls: {80: {mode: DISABLE}}}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
spec:
  targetRefs: [{kind: Service, name: back}]
  jwtRules: [{issuer: i, jwksUri: u, audiences: [a], fromHeaders: [{name: a}], fromParams: [b], forwardOriginalToken: true}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 443, protocol: HTTPS}, hosts: [a], tls: {mode: SIMPLE, httpsRedirect: true}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
spec: {listeners: [{port: 443, protocol: HTTPS, hostname: a, tls: {mode: Terminate}}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
spec:
  parentRefs: [{kind: Gateway, name: entry}]
  rules:
  - matches:
    - {path: {type: PathPrefix, value: /a}, method: GET, headers: [{name: a, value: b}], queryParams: [{type: RegularExpression, name: a, value: b}]}
    filters:
    - {type: RequestMirror, requestMirror: {backendRef: {name: a, namespace: b}, fraction: {numerator: 1, denominator: 4}}}
    - {type: RequestMirror, requestMirror: {backendRef: {name: a}, percent: 4}}
    - {type: URLRewrite, urlRewrite: {hostname: a, path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}}}
    - {type: RequestRedirect, requestRedirect: {scheme: https, hostname: a, port: 1, statusCode: 301, path: {replaceFullPath: /b}}}
    - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}], add: [{name: a, value: b}], remove: [c]}}
    - {type: CORS, cors: {allowOrigins: [a], allowMethods: [GET], maxAge: 5}}
    - {type: ExtensionRef}
    backendRefs: [{name: a, weight: 1}, {name: b, weight: 3}]
    timeouts: {request: 1s, backendRequest: 1s}
    retry: {attempts: 2, codes: [503]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
spec:
  parentRefs: [{name: entry}]
  rules: [{matches: [{method: {type: RegularExpression, service: a, method: b}}], backendRefs: [{name: a}]}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
spec:
  hosts: [a.example]
  ports: [{number: 443, protocol: TLS}]
  resolution: STATIC
  location: MESH_INTERNAL
  endpoints: [{address: 10.0.0.1}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
spec: {hosts: [a.example], ports: [{number: 443}], workloadSelector: {labels: {app: a}}}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
spec:
  workloadSelector: {labels: {app: back}}
  egress: [{hosts: ['./*']}]
  ingress: [{port: {number: 80}, defaultEndpoint: 127.0.0.1:80}]
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
spec:
  tracing: [{randomSamplingPercentage: 5, providers: [{name: a}]}, {disableSpanReporting: true}]
  accessLogging: [{providers: [{name: a}], filter: {expression: b}}, {disabled: true}]
  metrics: [{providers: [{name: a}], overrides: [{match: {metric: A}, tagOverrides: {b: {}}}, {disabled: true}]}]
---
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
spec: {targetRef: {kind: Gateway, name: entry}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {labels: {app: back}}
spec:
  replicas: 2
  template:
    metadata: {labels: {app: back, version: v1}, annotations: {a: b}}
    spec: {serviceAccountName: a, containers: [{name: app, image: b, args: [c]}]}
---
apiVersion: v1
kind: Pod
metadata: {labels: {app: back}, annotations: {a: b}}
spec: {containers: [{name: app, image: b}]}
`;

/** Values of types that a field may not have. */
const wrongValues = [
  null,
  '',
  'text',
  7,
  0,
  true,
  Number.NaN,
  {},
  { a: {} },
  { a: null },
  [],
  [null],
  [{}],
  [7],
  ['a'],
];

/** Returns copies of a value, each of which lacks a part of it, or has another value in its place. */
function variantsOf(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value))
    return value.flatMap((part, index) =>
      [...wrongValues, ...variantsOf(part)].map((other) => value.with(index, other)),
    );
  return Object.entries(value).flatMap(([field, part]) => [
    Object.fromEntries(Object.entries(value).filter(([name]) => name !== field)),
    ...[...wrongValues, ...variantsOf(part)].map((other) => ({ ...value, [field]: other })),
  ]);
}

const pod = { namespace: 'default', labels: { app: 'back' } };

/** Returns all sentences of the page about an object. */
function textsAbout(object: KubeObject, before: KubeObject): string[] {
  appliesTo(object, pod, 'istio-system');
  const isOfPods = isWorkload(object) || object.kind === 'Pod';
  const rules = describedRules(object);
  return [
    aboutObject(object, 'istio-system'),
    ...mirrorTargets(object),
    ...rules.flatMap(({ text, condition = [] }) => [text, condition].flat()),
    ...(isOfPods ? [aboutWorkload(object), ...workloadWords(before, object), ...workloadWords(object, before)] : []),
  ];
}

const objects = parseAllDocuments(examples).map((document): KubeObject => {
  const { metadata = {}, ...object } = document.toJS();
  return { ...object, metadata: { name: 'one', namespace: 'default', ...metadata } };
});

/** Words that JavaScript makes of values that a sentence does not expect. */
const isNoEnglish = /\bundefined\b|\[object |\bNaN\b|\bInfinity\b|\bnull\b/;

suite('sentences about objects with wrong fields', () => {
  for (const object of objects)
    test(`${object.kind} of ${object.apiVersion} is described, whichever field is absent or wrong`, () => {
      const { labels, annotations } = object.metadata;
      const variants = variantsOf({ spec: object.spec, labels, annotations }) as (typeof object.metadata &
        KubeObject)[];
      assert.ok(variants.length > wrongValues.length);
      for (const { spec, labels: some, annotations: others } of [{ ...object, labels, annotations }, ...variants]) {
        const wrong = { ...object, metadata: { ...object.metadata, labels: some, annotations: others }, spec };
        const bad = textsAbout(wrong as KubeObject, object).filter((text) => isNoEnglish.test(text));
        if (bad.length > 0)
          assert.deepEqual(bad, [], JSON.stringify([bad, { spec, labels: some, annotations: others }]));
      }
    });
});
