import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { suite, test } from 'node:test';
import { applyAll } from '../../src/istio/apply/apply-all.ts';
import { applyObject } from '../../src/istio/apply/apply-object.ts';
import { deleteAll } from '../../src/istio/apply/delete-all.ts';
import { parseManifests } from '../../src/istio/resources/manifest.ts';
import type { KubeObject } from '../../src/istio/resources/objects.ts';
import { applySequences } from './kube-api/apply-sequences.ts';
import { toolsInNamespaces } from './kube-api/in-namespaces.ts';
import { clusterOfSuite } from './kube-api/test-cluster.ts';

const tools = await toolsInNamespaces();

const options = { namespace: 'default' };
const namespace = (name: string): KubeObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
const dumped = `
apiVersion: v1
kind: Namespace
metadata: { name: dumped, labels: { istio-injection: enabled } }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: shop, namespace: dumped }
spec:
  selector: { matchLabels: { app: shop } }
  template: { metadata: { labels: { app: shop } }, spec: { containers: [{ name: c, image: i }] } }
---
apiVersion: v1
kind: Service
metadata: { name: shop, namespace: dumped }
spec: { type: LoadBalancer, selector: { app: shop }, ports: [{ name: http, port: 80 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: bare, namespace: dumped, labels: { app: bare } }
spec: { containers: [{ name: c, image: i }] }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: own, namespace: dumped }
`;
const size = { size: { type: 'integer' } };

/** CustomResourceDefinition, as JSON, which is YAML too. */
function crd(group: string, kind: string, scope: 'Namespaced' | 'Cluster', schema: object): string {
  const singular = kind.toLowerCase();
  const names = { kind, plural: `${singular}s`, singular, listKind: `${kind}List` };
  const version = {
    name: 'v1',
    served: true,
    storage: true,
    schema: { openAPIV3Schema: { type: 'object', ...schema } },
  };
  return JSON.stringify({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${singular}s.${group}` },
    spec: { group, scope, names, versions: [version] },
  });
}

const changesOf = (objects: readonly { readonly title: string; readonly change: string }[]): string[] =>
  objects.map(({ title, change }) => `${title} ${change}`);

if (tools !== undefined)
  suite('apply to a real API server', { timeout: 110_000 }, () => {
    const own = clusterOfSuite(tools);
    const { signal } = own;

    const parse = (text: string) => parseManifests([{ name: 'a.yaml', text }]);
    const apply = (text: string) => applyAll(own.cluster.client, parse(text), options, signal);
    const remove = (text: string) => deleteAll(own.cluster.client, parse(text), options, signal);

    test('every problem of every object is reported with its place, and nothing is created', async () => {
      const text = `
apiVersion: v1
kind: ConfigMap
metadata: { name: fine }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: a }
spec:
  replica: 1
  selector: { matchLabels: { a: b } }
  template: { metadata: { labels: { a: b } }, spec: { containers: [{ name: c, imag: i }] } }
---
apiVersion: v1
kind: Pod
metadata: { name: b }
spec: { containers: [{ name: c, image: i, env: [{ name: ok, value: "1" }, { name: m, value: 1 }] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: c, namespace: not-yet }
spec: { hosts: [a], http: [{ match: [{ uri: { regex: "(" } }], route: [{ destination: { host: a } }] }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: d }
spec: { rules: [{ matches: [{ path: { value: x } }] }] }
---
apiVersion: networking.istio.io/v1
kind: EnvoyFilter
metadata: { name: e }
---
apiVersion: apps/v1
kind: Deploymnt
metadata: { name: f }
---
apiVersion: extensions/v1beta1
kind: Deployment
metadata: { name: g }
---
apiVersion: rbac.istio.io/v1alpha1
kind: ServiceRole
metadata: { name: h }
`;
      await assert.rejects(apply(text), (error: Error) => {
        assert.deepEqual(error.message.split('\n'), [
          'a.yaml:10:3: deployment.apps/a: spec.replica: unknown field "replica"; did you mean "replicas"?',
          'a.yaml:12:79: deployment.apps/a: spec.template.spec.containers[0].imag: unknown field "imag"; did you mean "image"?',
          'a.yaml:17:86: pod/b: spec.containers[0].env[1].value: expected a string, found a number',
          'a.yaml:22:47: virtualservice.networking.istio.io/c: spec.http[0].match[0].uri.regex: istiod denies it: ' +
            '"uri": error parsing regexp: missing closing ): `(`; Istio uses RE2 style regex-based match ' +
            '(https://github.com/google/re2/wiki/Syntax)',
          'a.yaml:27:31: httproute.gateway.networking.k8s.io/d: spec.rules[0].matches[0].path: ' +
            "value must be an absolute path and start with '/' when type one of ['Exact', 'PathPrefix']",
          'a.yaml:29:1: envoyfilter.networking.istio.io/e: "networking.istio.io/v1" is not served: use v1alpha3',
          'a.yaml:34:1: deploymnt.apps/f: apps/v1 has no kind Deploymnt',
          'a.yaml:37:1: deployment.extensions/g: "extensions/v1beta1" is not served: use apps/v1',
          'a.yaml:41:1: servicerole.rbac.istio.io/h: "rbac.istio.io/v1alpha1" is not served: Istio has removed it',
        ]);
        return true;
      });
      const fine = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'fine' } };
      assert.equal(await own.cluster.client.get(fine, signal), undefined);
      assert.equal(await own.cluster.client.get(namespace('not-yet'), signal), undefined);
    });

    test('objects are created with the namespaces and kinds that they need, changed, and deleted', async () => {
      const text = `
apiVersion: a.test/v1
kind: Thing
metadata: { name: thing, namespace: undeclared }
spec: { size: 1 }
---
${crd('a.test', 'Thing', 'Namespaced', { properties: { spec: { type: 'object', properties: size } } })}
---
apiVersion: v1
kind: Pod
metadata: { name: pod, namespace: declared }
spec: { serviceAccountName: own, containers: [{ name: c, image: i }] }
---
apiVersion: v1
kind: Pod
metadata: { name: plain, namespace: undeclared }
spec: { containers: [{ name: c, image: i }] }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: own, namespace: declared }
---
apiVersion: v1
kind: Namespace
metadata: { name: declared }
`;
      const first = await apply(text);
      assert.deepEqual(changesOf(first.objects), [
        'namespace/undeclared created',
        'thing.a.test/thing created',
        'customresourcedefinition.apiextensions.k8s.io/things.a.test created',
        'pod/pod created',
        'pod/plain created',
        'serviceaccount/own created',
        'namespace/declared created',
      ]);
      assert.deepEqual(first.leftOut, ['namespace/undeclared: created, because no manifest declares it']);
      const second = await apply(text.replace('size: 1', 'size: 2'));
      assert.deepEqual(
        second.objects.map(({ change }) => change),
        ['configured', 'unchanged', 'unchanged', 'unchanged', 'unchanged', 'unchanged'],
      );
      await assert.rejects(apply(text.replace('size: 1', 'size: x')), {
        message: 'a.yaml:5:9: thing.a.test/thing: spec.size: must be of type integer: "string"',
      });
      const deleted = await remove(text);
      assert.deepEqual(new Set(deleted.map(({ change }) => change)), new Set(['deleted']));
      assert.equal((await remove(text))[0]?.change, 'not found');
      await remove('{ apiVersion: v1, kind: Namespace, metadata: { name: undeclared } }');
      assert.equal(await own.cluster.client.get(namespace('undeclared'), signal), undefined);
    });

    test('a namespace is deleted at once', async () => {
      const text = '{ apiVersion: v1, kind: Namespace, metadata: { name: quick } }';
      // The controller of namespaces waits for 5 s each time. A busy machine is slow now and then.
      let leastMs = Number.POSITIVE_INFINITY;
      for (let tries = 0; tries < 5 && leastMs > 4000; tries++) {
        await apply(text);
        const startedAt = performance.now();
        await remove(text);
        leastMs = Math.min(leastMs, performance.now() - startedAt);
      }
      assert.ok(leastMs < 4000, `${leastMs} ms`);
    });

    test('workloads are created after the objects that configure them', async () => {
      const pod = { spec: { containers: [{ name: 'c', image: 'i' }] } };
      const labels = { app: 'late' };
      const template = { metadata: { labels }, ...pod };
      const objects = [
        { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'late' }, ...pod },
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name: 'late' },
          spec: { selector: { matchLabels: labels }, template },
        },
        {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: 'late' },
          spec: { ports: [{ port: 80 }] },
        },
        { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'late' } },
      ];
      const text = objects.map((one) => JSON.stringify(one)).join('\n---\n');
      const { objects: applied } = await apply(text);
      await remove(text);
      const versionOf = (kind: string): number =>
        Number(applied.find(({ object }) => object.kind === kind)?.object.metadata.resourceVersion);
      const configured = Math.max(versionOf('Service'), versionOf('ConfigMap'));
      assert.ok(versionOf('Pod') > configured && versionOf('Deployment') > configured);
    });

    test('everything is reverted if one object of a new kind is refused', async () => {
      const { client } = own.cluster;
      const map = (value: string) => `
apiVersion: v1
kind: ConfigMap
metadata: { name: reverted }
data: { a: ${value} }
`;
      await apply(map('before'));
      const text = `${map('after')}---
${crd('b.test', 'Other', 'Cluster', { required: ['size'], properties: size })}
---
apiVersion: b.test/v1
kind: Other
metadata: { name: other }
`;
      await assert.rejects(apply(text), {
        code: 'usage',
        message: 'a.yaml:9:1: other.b.test/other: size: Required value',
      });
      const found = await client.get(parse(map('x'))[0]?.object as KubeObject, signal);
      assert.deepEqual(found?.data, { a: 'before' });
      assert.equal(client.kindOf({ apiVersion: 'b.test/v1', kind: 'Other' }), undefined);
      const later = await apply(map('after'));
      await later.revert();
      assert.deepEqual((await client.get(later.objects[0]?.object as KubeObject, signal))?.data, { a: 'before' });
    });

    test('what kubectl prints of a cluster is applied as it is', async () => {
      const { client, kubectl } = own.cluster;
      await apply(dumped);
      const owned = await applied('apps/v1', 'ReplicaSet');
      await applied('v1', 'Pod');
      const kinds =
        'all,ns,nodes,cm,secrets,sa,endpoints,endpointslices,events,leases,controllerrevisions,crd,clusterroles,gateways,vs,flowschemas,apiservices,mutatingwebhookconfigurations';
      const all = kubectl(['get', '-o', 'yaml', '-A', kinds]);
      assert.match(all, /istio-ingressgateway/);
      await remove(dumped);
      const result = await apply(all);
      assert.ok(result.leftOut.includes('2 objects of Pod: made from its ReplicaSet'), result.leftOut.join('\n'));
      const titles = result.objects.map(({ title, object }) => `${object.metadata.namespace ?? ''} ${title}`);
      assert.deepEqual(titles.filter((one) => one.startsWith('dumped ')).sort(), [
        'dumped configmap/own',
        'dumped deployment.apps/shop',
        'dumped pod/bare',
        'dumped service/shop',
        'dumped serviceaccount/default',
      ]);
      assert.equal(
        titles.filter((one) => one.startsWith('istio-system ')).join(),
        'istio-system configmap/istio,istio-system serviceaccount/default',
      );
      assert.equal(titles.filter((one) => one.startsWith('kube-')).join(), '');
      assert.deepEqual(
        result.objects
          .filter(({ object }) => object.metadata.namespace === undefined)
          .map(({ title }) => title)
          .sort(),
        ['namespace/default', 'namespace/dumped'],
      );
      const pod = await client.get(
        { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'bare', namespace: 'dumped' } },
        signal,
      );
      assert.ok(pod);
      const { containers, initContainers } = pod.spec as { containers: object[]; initContainers: object[] };
      assert.deepEqual([containers.length, initContainers.length], [1, 2]);
      assert.ok(owned);

      async function applied(apiVersion: string, kind: string): Promise<KubeObject> {
        for (;;) {
          const { items } = await client.list({ apiVersion, kind }, signal, 'dumped');
          const found = items.find(({ metadata }) => metadata.ownerReferences !== undefined);
          if (found !== undefined) return found;
        }
      }
    });

    const examples = globSync('invalid-examples/**/*.yaml', { cwd: tools.gatewayapi }).toSorted();
    test(`each of the ${examples.length} invalid examples of the Gateway API is refused by its own rule`, async () => {
      assert.ok(examples.length >= 32);
      const refusals: Record<string, string> = {};
      for (const name of examples) {
        const text = readFileSync(path.join(tools.gatewayapi, name), 'utf8');
        const key = name.replace('invalid-examples/', '').replace('.yaml', '');
        refusals[key] = await apply(text).then(
          () => 'taken',
          (error: Error) => error.message,
        );
      }
      const taken = Object.entries(refusals).filter(([, message]) => !/^a\.yaml:\d+:\d+: \S+: \S+: /.test(message));
      assert.deepEqual(taken, []);
      for (const [key, rule] of rules) assert.ok(refusals[key]?.includes(rule), `${key}: ${refusals[key]}`);
    });

    for (const { name, steps } of applySequences)
      test(`apply results in the same object as kubectl's: ${name}`, async () => {
        const { client, kubectl } = own.cluster;
        for (const place of ['by-kubectl', 'by-meshmock']) await applyObject(client, namespace(place), signal);
        for (const step of steps) {
          const [theirs, ours] = ['by-kubectl', 'by-meshmock'].map((place) => inPlace(step.object, place)) as [
            KubeObject,
            KubeObject,
          ];
          if (step.kind === 'patch') {
            for (const one of [theirs, ours]) await client.patch(one, step.patch, 'strategic', {}, signal);
            continue;
          }
          kubectl(['apply', '-f', '-'], JSON.stringify(theirs));
          await applyObject(client, ours, signal);
          const [live, own] = await Promise.all([theirs, ours].map((one) => client.get(one, signal)));
          assert.deepEqual(comparable(own), comparable(live));
          assert.equal((await applyObject(client, ours, signal)).change, 'unchanged');
          assert.equal((await applyObject(client, theirs, signal)).change, 'unchanged', 'an apply after kubectl');
        }
      });
  });

/** Some invalid examples of the Gateway API, and the end of their rule's message. */
const rules: readonly (readonly [string, string])[] = [
  ['standard/gateway/duplicate-listeners', 'spec.listeners: Listener name must be unique within the Gateway'],
  ['standard/gateway/hostname-tcp', "hostname must not be specified for protocols ['TCP', 'UDP']"],
  ['standard/gateway/invalid-tls-mode', 'tls mode must be Terminate for protocol HTTPS'],
  ['standard/gateway/tlsconfig-tcp', "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']"],
  ['standard/httproute/httproute-portless-service', 'backendRefs[0]: Must have port for Service reference'],
  ['standard/httproute/invalid-filter-duplicate', 'RequestHeaderModifier filter cannot be repeated'],
  [
    'standard/httproute/invalid-filter-empty',
    'filter.requestHeaderModifier must be specified for RequestHeaderModifier filter.type',
  ],
  [
    'standard/httproute/invalid-request-redirect-with-backendref',
    'RequestRedirect filter must not be used together with backendRefs',
  ],
  ['standard/httproute/invalid-path-specialchars', 'must only contain valid characters'],
  ['standard/tlsroute/invalid-hostname', 'Hostnames must be valid based on RFC-1123'],
];

function inPlace(object: KubeObject, place: string): KubeObject {
  return { ...object, metadata: { ...object.metadata, namespace: place } };
}

/** Returns what the API server keeps of a manifest, without the name of its namespace. */
function comparable(object: KubeObject | undefined): unknown {
  const text = JSON.stringify(object).replaceAll('by-kubectl', 'PLACE').replaceAll('by-meshmock', 'PLACE');
  const { metadata, spec, status: _, ...rest } = JSON.parse(text) as KubeObject;
  const { labels, annotations: { 'deployment.kubernetes.io/revision': _revision, ...annotations } = {} } = metadata;
  const addresses = /"(clusterIPs?|nodePort)":(\[[^\]]*\]|"[^"]*"|\d+)|kube-api-access-\w+/g;
  return { ...rest, labels, annotations, spec: JSON.stringify(spec)?.replaceAll(addresses, '') };
}
