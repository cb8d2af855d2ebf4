import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import type { KubeObject, Workload } from '../../src/istio/resources/objects.ts';
import { template } from './shipped.ts';
import { manifestTools, printed, temporaryFolder } from './tools.ts';

const tools = await manifestTools();
const folder = temporaryFolder();
after(() => rmSync(folder, { recursive: true }));

interface ConfigMap extends KubeObject {
  readonly data: Readonly<Record<string, string>>;
}

/** Returns arguments with which kube-inject does not need a cluster. */
async function offlineArguments(): Promise<string[]> {
  const generated = await printed(tools.istioctl('manifest', 'generate', '--set', 'profile=minimal'));
  const objects = parseAllDocuments(generated).map((document) => document.toJS() as ConfigMap | null);
  const file = (map: string, key: string): string => {
    const text = objects.find((object) => object?.kind === 'ConfigMap' && object.metadata.name === map)?.data[key];
    assert.ok(text, `${map} has no ${key}`);
    const name = path.join(folder, `${map}-${key}`);
    writeFileSync(name, text);
    return name;
  };
  return [
    '--revision',
    'default',
    '--meshConfigFile',
    file('istio', 'mesh'),
    '--injectConfigFile',
    file('istio-sidecar-injector', 'config'),
    '--valuesFile',
    file('istio-sidecar-injector', 'values'),
  ];
}

describe('istioctl kube-inject', () => {
  it("accepts the template's output, and gives its pod a sidecar that answers the probes", async () => {
    const plain = path.join(folder, 'service1.yaml');
    writeFileSync(plain, await template('service1'));
    const text = await printed(tools.istioctl('kube-inject', ...(await offlineArguments()), '-f', plain));
    const objects = parseAllDocuments(text).map((document) => document.toJS() as KubeObject | null);
    const deployment = objects.find((object) => object?.kind === 'Deployment') as Workload | undefined;
    assert.ok(deployment);
    const { containers, initContainers = [] } = deployment.spec.template.spec;
    const names = (all: readonly { readonly name: string }[]): string[] => all.map(({ name }) => name);
    assert.deepEqual(names(initContainers), ['istio-init', 'istio-proxy'], 'a sidecar that ends after the mock');
    assert.deepEqual(names(containers), ['meshmock']);
    assert.partialDeepStrictEqual(
      containers.find(({ name }) => name === 'meshmock'),
      { readinessProbe: { httpGet: { path: '/app-health/meshmock/readyz', port: 15_020 } } },
    );
    assert.ok(['ServiceAccount', 'Service'].every((kind) => objects.some((object) => object?.kind === kind)));
  });
});
