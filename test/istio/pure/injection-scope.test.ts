import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { namespacesWithoutSidecars } from '../../../src/istio/control-plane/injection-scope.ts';
import type { KubeObject } from '../../../src/istio/resources/objects.ts';

const namespace = (name: string, labels?: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: labels === undefined ? { name } : { name, labels },
});

describe('namespaces without sidecars', () => {
  it('are those without a label, if the manifests enable injection in others', () => {
    const enabled = namespace('a', { 'istio-injection': 'enabled' });
    const others = [
      namespace('b'),
      namespace('c', { 'istio-injection': 'disabled' }),
      namespace('d', { 'istio.io/rev': 'default' }),
      namespace('e', { 'istio.io/dataplane-mode': 'ambient' }),
      namespace('f', { team: 'x' }),
    ];
    assert.deepEqual(namespacesWithoutSidecars([enabled, ...others]), ['b', 'f']);
    assert.deepEqual(namespacesWithoutSidecars([namespace('b'), namespace('d', { 'istio.io/rev': 'x' })]), ['b']);
  });

  it('are those of the injector of a cluster, if it is among the manifests', () => {
    const injector = (...webhooks: readonly object[]): KubeObject => ({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: 'istio-sidecar-injector' },
      webhooks,
    });
    const namespaces = [
      namespace('a', { 'istio-injection': 'enabled' }),
      namespace('b'),
      namespace('c'),
      namespace('kube-system'),
      namespace('istio-system'),
    ];
    const auto = {
      name: 'auto.sidecar-injector.istio.io',
      namespaceSelector: {
        matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system', 'c'] }],
      },
    };
    assert.deepEqual(namespacesWithoutSidecars([...namespaces, injector(auto)]), ['c']);
    assert.deepEqual(namespacesWithoutSidecars([...namespaces, injector()]), ['b', 'c']);
    assert.deepEqual(namespacesWithoutSidecars([namespace('b'), injector()]), ['b']);
  });

  it('are none if no manifest enables injection', () => {
    assert.deepEqual(
      namespacesWithoutSidecars([namespace('a'), namespace('b', { 'istio-injection': 'disabled' })]),
      [],
    );
  });
});
