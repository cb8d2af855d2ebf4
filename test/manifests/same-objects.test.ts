import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it, test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import type { KubeObject, Workload } from '../../src/istio/objects.ts';
import { chart, chartFolder, demoUrl, demoVersions, kustomized, manifests, template } from './shipped.ts';
import { manifestTools, root } from './tools.ts';

const tools = await manifestTools();
const spansTo = 'http://jaeger-collector:4318';

/** Objects by kind and name, with variables by name: their order is another test's. */
function objectsOf(text: string): Record<string, unknown> {
  const objects = parseAllDocuments(text)
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null);
  for (const { spec } of objects.filter(({ kind }) => kind === 'Deployment') as Workload[])
    for (const container of spec.template.spec.containers as readonly { env?: { name: string }[] }[])
      container.env?.sort((a, b) => a.name.localeCompare(b.name));
  return Object.fromEntries(objects.map((object) => [`${object.kind}/${object.metadata.name}`, object]));
}

describe('the same objects as by meshmock manifests come', () => {
  it('of the template', async () => {
    const printed = await manifests(tools, '/@service1/x', '--entry', 'service1');
    assert.deepEqual(objectsOf(await template('service1')), objectsOf(printed));
  });

  it("of the demo's overlay", async () => {
    const printed = await manifests(tools, demoUrl, ...demoVersions);
    assert.deepEqual(objectsOf(await kustomized(tools, 'overlays/demo')), objectsOf(printed));
  });

  it("of the tracing overlay, with a Jaeger's besides", async () => {
    const printed = await manifests(tools, demoUrl, ...demoVersions, '--spans-to', spansTo);
    const jaeger = await kustomized(tools, 'jaeger');
    const expected = { ...objectsOf(printed), ...objectsOf(jaeger) };
    assert.deepEqual(objectsOf(await kustomized(tools, 'overlays/tracing')), expected);
  });

  it('of the chart', async () => {
    const printed = await manifests(tools, demoUrl, ...demoVersions);
    assert.deepEqual(objectsOf(await chart(tools, '--skip-tests')), objectsOf(printed));
  });

  it('of the chart with spans and Istio', async () => {
    const printed = await manifests(tools, demoUrl, ...demoVersions, '--istio', '--spans-to', spansTo);
    const rendered = await chart(tools, '--skip-tests', '--set', `istio=true,spansTo=${spansTo}`);
    assert.deepEqual(objectsOf(rendered), objectsOf(printed));
  });
});

test('the mesh of istio/octopus is the overlay as it is printed', async () => {
  const text = readFileSync(path.join(root, 'istio/octopus/mesh.yaml'), 'utf8');
  assert.equal(text, `# kubectl kustomize kubernetes/overlays/octopus\n${await kustomized(tools, 'overlays/octopus')}`);
});

describe('the version of package.json', () => {
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };

  it('is that of the chart and of its program', () => {
    const { version: own, appVersion } = parse(readFileSync(path.join(chartFolder, 'Chart.yaml'), 'utf8'));
    assert.deepEqual({ own, appVersion }, { own: version, appVersion: version });
  });

  it("is the tag of every mock's image", async () => {
    const texts = await Promise.all([template('a'), kustomized(tools, 'overlays/octopus'), chart(tools)]);
    const images = texts.flatMap((text) => [...text.matchAll(/image: (meshmock.*)$/gm)].map(([, image]) => image));
    assert.deepEqual([...new Set(images)], [`meshmock:${version}`]);
  });
});
