/** Tests of the values in istio/cluster for an installation of Istio. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import type { KubeObject, Service } from '../../src/istio/resources/objects.ts';
import { installTestTools } from '../tools/installed.ts';
import { kustomized } from './shipped.ts';
import { manifestTools, printed, root } from './tools.ts';

const values = path.join(root, 'istio/cluster/values/istio.yaml');

interface MeshConfig {
  readonly enableTracing: boolean;
  readonly extensionProviders: readonly { name: string; opentelemetry?: { service: string; port: number } }[];
}

interface Telemetry {
  readonly spec: { readonly tracing: readonly { readonly providers: readonly { readonly name: string }[] }[] };
}

describe("istiod's chart, with istio/cluster/values/istio.yaml", async () => {
  const tools = await manifestTools();
  const chart = path.join((await installTestTools(['istiochart'])).istiochart, 'istiod');

  /** Returns the mesh configuration that istiod reads. */
  async function meshConfig(...args: readonly string[]): Promise<MeshConfig> {
    const objects = documents<KubeObject & { data: Record<string, string> }>(
      await printed(tools.helm('template', 'istiod', chart, '--namespace', 'istio-system', ...args)),
    );
    const map = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'istio');
    return parse(map?.data.mesh ?? '') as MeshConfig;
  }

  it('passes helm lint', async () => {
    await printed(tools.helm('lint', chart, '--values', values));
  });

  it('defines the tracing providers of telemetry.yaml, which the chart alone does not', async () => {
    const telemetry = parse(readFileSync(path.join(root, 'istio/cluster/telemetry.yaml'), 'utf8')) as Telemetry;
    const providerNames = telemetry.spec.tracing.flatMap(({ providers }) => providers.map(({ name }) => name));
    const { enableTracing, extensionProviders } = await meshConfig('--values', values);
    assert.equal(enableTracing, true);
    assert.deepEqual(
      extensionProviders.map(({ name }) => name),
      providerNames,
    );
    const { extensionProviders: defaults = [] } = (await meshConfig()) as Partial<MeshConfig>;
    assert.ok(!defaults.some(({ name }) => providerNames.includes(name)));
  });

  it('sends traces to the Service of kubernetes/jaeger in istio-system', async () => {
    const [provider] = (await meshConfig('--values', values)).extensionProviders;
    const services = documents<Service>(await kustomized(tools, 'jaeger')).filter(({ kind }) => kind === 'Service');
    const ports = services.flatMap(({ metadata, spec }) =>
      (spec.ports ?? []).map(({ name, port }) => `${name} ${metadata.name}.istio-system.svc.cluster.local:${port}`),
    );
    const { service, port } = provider?.opentelemetry ?? {};
    assert.ok(ports.includes(`grpc-otlp ${service}:${port}`), `${service}:${port} is not one of ${ports}`);
  });
});

function documents<T extends KubeObject>(text: string): T[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as T | null)
    .filter((object) => object !== null);
}
