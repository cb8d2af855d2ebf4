import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { localMeshConfig, unknownMeshFields } from '../../../src/istio/control-plane/mesh-config.ts';
import type { Mapping } from '../../../src/istio/control-plane/yaml-mapping.ts';
import { reduceReplicas } from '../../../src/istio/local-mesh/reduce-replicas.ts';
import { keyFetches } from '../../../src/istio/observe/key-fetch-log.ts';
import { istioExtensions } from '../../../src/istio/resources/envoy-extensions.ts';
import { parseManifests } from '../../../src/istio/resources/manifest.ts';
import type { KubeObject } from '../../../src/istio/resources/objects.ts';

const options = {
  ownProviders: [{ name: 'jaeger', opentelemetry: { port: 4318 } }],
  fixed: { accessLogEncoding: 'TEXT' },
};

const withUser = (yaml: string) => localMeshConfig(parse(yaml) as Mapping, options);

describe('the mesh configuration of a local mesh', () => {
  const user = `accessLogEncoding: JSON
rootNamespace: root
extensionProviders:
- { name: jaeger, zipkin: { service: z, port: 1 } }
- { name: own, prometheus: {} }
- { name: authz, envoyExtAuthzHttp: { service: a, port: 1 } }`;

  it('keeps the fields of the user, except those of the local mesh', () => {
    const { text, rootNamespace } = withUser(user);
    const { accessLogEncoding, extensionProviders } = parse(text) as Mapping & { extensionProviders: Mapping[] };
    assert.deepEqual([rootNamespace, accessLogEncoding], ['root', 'TEXT']);
    assert.deepEqual(
      extensionProviders.map((one) => Object.values(one).length === 2 && Object.keys(one).sort().join(' ')),
      ['envoyFileAccessLog name', 'envoyExtAuthzHttp name', 'name opentelemetry', 'envoyFileAccessLog name'],
    );
  });

  it('results in itself, and each configuration has its own marker', () => {
    const first = withUser(user);
    assert.deepEqual(withUser(first.text), first);
    assert.ok(first.text.includes(first.marker));
    assert.notEqual(withUser('rootNamespace: root').marker, first.marker);
  });

  it('reports fields that istiod does not know, but no defaults', () => {
    const given = parse('a_b: 1\nc: { d: REGISTRY_ONLY, e: 2, f: false }\ng: { h: x }\ni: []\nj: 5s') as Mapping;
    assert.deepEqual(unknownMeshFields(given, { aB: 1, c: {} }), ['c.e', 'g', 'j']);
  });
});

describe('the extensions of Envoy in an EnvoyFilter', () => {
  const filter = (patches: readonly object[]): KubeObject => ({
    apiVersion: 'networking.istio.io/v1alpha3',
    kind: 'EnvoyFilter',
    metadata: { name: 'f' },
    spec: { configPatches: patches },
  });
  const type = 'type.googleapis.com/stats.PluginConfig';

  it('are found by name, and by type if they have another name', () => {
    const value = { name: 'istio.stats', typed_config: { '@type': type } };
    assert.deepEqual(istioExtensions(filter([{ patch: { operation: 'ADD', value } }])).added, ['istio.stats']);
    const renamed = { name: 'stats', typed_config: { '@type': type } };
    assert.deepEqual(istioExtensions(filter([{ patch: { operation: 'ADD', value: renamed } }])).added, [type]);
  });

  it('are only looked for by the match of a patch', () => {
    const match = { listener: { filterChain: { filter: { subFilter: { name: 'istio.stats' } } } } };
    assert.deepEqual(istioExtensions(filter([{ match, patch: { operation: 'REMOVE' } }])), {
      added: [],
      matched: ['istio.stats'],
    });
  });

  it('are none for Lua and Wasm, which the public build has too', () => {
    const value = {
      name: 'envoy.filters.http.wasm',
      typed_config: { config: { vm_config: { runtime: 'envoy.wasm.runtime.v8' } } },
    };
    assert.deepEqual(istioExtensions(filter([{ patch: { operation: 'INSERT_BEFORE', value } }])).added, []);
  });
});

describe('the replicas of manifests', () => {
  const manifests = parseManifests([
    {
      name: 'a.yaml',
      text: `{ apiVersion: apps/v1, kind: Deployment, metadata: { name: a }, spec: { replicas: 5 } }
---
{ apiVersion: apps/v1, kind: StatefulSet, metadata: { name: b }, spec: { replicas: 2 } }
---
{ apiVersion: argoproj.io/v1alpha1, kind: Rollout, metadata: { name: c }, spec: { replicas: 3 } }
---
{ apiVersion: apps/v1, kind: Deployment, metadata: { name: d } }`,
    },
  ]);
  const replicasWith = (maxReplicas: number | undefined, maxPods: number) => {
    const { manifests: reduced, leftOut } = reduceReplicas(manifests, {
      maxReplicas,
      limit: { pods: maxPods, reason: `this machine has memory for ${maxPods} pods` },
      running: [],
    });
    return {
      replicas: reduced.map(({ object }) => (object.spec as { replicas?: number } | undefined)?.replicas),
      leftOut,
    };
  };

  it('are reduced to the maximum of the user, and zero stays', () => {
    assert.deepEqual(replicasWith(2, 1), {
      replicas: [2, 2, 2, undefined],
      leftOut: ['2 workloads run with fewer replicas than in the manifests: --max-replicas 2'],
    });
  });

  it('stay without a maximum if the machine has memory for all pods', () => {
    assert.deepEqual(replicasWith(undefined, 11), { replicas: [5, 2, 3, undefined], leftOut: [] });
  });

  it('are one without a maximum if the machine has no memory for all pods', () => {
    assert.deepEqual(replicasWith(undefined, 10), {
      replicas: [1, 1, 1, undefined],
      leftOut: [
        '3 workloads run with one replica each: this machine has memory for 10 pods instead of 11 (--max-replicas)',
      ],
    });
  });
});

describe('the log of istiod about keys', () => {
  const line = (text: string): string => `2026-01-01T00:00:00.000000Z\twarn\tmodel\t${text}\n`;
  const failed = line('Failed to GET from "http://k/": Get "http://k/": dial tcp: lookup k: no such host. Retry in 1s');

  it('has the reason of the first attempt that tells one', () => {
    const end = line('Failed to refresh JWT public key from "http://k/": Get "http://k/": context deadline exceeded');
    assert.deepEqual(keyFetches(failed).get('http://k/'), {
      kind: 'retrying',
      reason: 'dial tcp: lookup k: no such host',
    });
    assert.deepEqual(keyFetches(failed + end).get('http://k/'), {
      kind: 'failed',
      reason: 'dial tcp: lookup k: no such host',
    });
  });

  it('has keys that were fetched later', () => {
    const log = failed + line('Updated cached JWT public key from "http://k/"');
    assert.equal(keyFetches(log).get('http://k/')?.kind, 'fetched');
  });

  it('has the issuer of a rule without a URL', () => {
    const log = line(
      'JWKS fetch failed for issuer https://i.test (), using public-only JWKS with discarded private key',
    );
    assert.deepEqual(keyFetches(log).get('https://i.test'), { kind: 'retrying', reason: '' });
  });
});
