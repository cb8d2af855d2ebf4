import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it, test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import type { KubeObject, Workload } from '../../src/istio/resources/objects.ts';
import { chart, chartFolder, demoUrl, demoVersions, kustomized, manifests, template } from './shipped.ts';
import { manifestTools, root } from './tools.ts';

const tools = await manifestTools();
const spansTo = 'http://jaeger-collector:4318';

/** Labels that only the chart sets. */
const releaseLabels = ['app.kubernetes.io/instance', 'app.kubernetes.io/managed-by', 'helm.sh/chart'];

/** Returns the objects of the chart without the labels of its release. */
async function chartObjects(...args: readonly string[]): Promise<Record<string, unknown>> {
  const text = await chart(tools, '--skip-tests', ...args);
  const isRelease = new RegExp(`^ +(?:${releaseLabels.join('|')}): .*\n`, 'gm');
  return objectsOf(text.replaceAll(isRelease, '').replaceAll(/^ {2}labels:\n(?! {4})/gm, ''));
}

/** Returns objects by kind and name, with sorted variables. Another test checks the order of variables. */
function objectsOf(text: string): Record<string, unknown> {
  const objects = parseAllDocuments(text)
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null);
  for (const { spec } of objects.filter(({ kind }) => kind === 'Deployment') as Workload[])
    for (const container of spec.template.spec.containers as readonly { env?: { name: string }[] }[])
      container.env?.sort((a, b) => a.name.localeCompare(b.name));
  return Object.fromEntries(objects.map((object) => [`${object.kind}/${object.metadata.name}`, object]));
}

describe('the output of meshmock manifests has the same objects', () => {
  it('as the template', async () => {
    const printed = await manifests(tools, '/@service1/x', '--entry', 'service1');
    assert.deepEqual(objectsOf(await template('service1')), objectsOf(printed));
  });

  it('as the overlay of the demo', async () => {
    const printed = await manifests(tools, demoUrl, ...demoVersions);
    assert.deepEqual(objectsOf(await kustomized(tools, 'overlays/demo')), objectsOf(printed));
  });

  it('as the tracing overlay, but for the objects of Jaeger', async () => {
    const printed = await manifests(tools, demoUrl, ...demoVersions, '--spans-to', spansTo);
    const jaeger = await kustomized(tools, 'jaeger');
    const expected = { ...objectsOf(printed), ...objectsOf(jaeger) };
    assert.deepEqual(objectsOf(await kustomized(tools, 'overlays/tracing')), expected);
  });

  it('as the chart', async () => {
    const printed = await manifests(tools, demoUrl, ...demoVersions);
    assert.deepEqual(await chartObjects(), objectsOf(printed));
  });

  it('as the chart with spans and Istio', async () => {
    const printed = await manifests(tools, demoUrl, ...demoVersions, '--istio', '--spans-to', spansTo);
    const rendered = await chartObjects('--set', `istio=true,spansTo=${spansTo}`);
    assert.deepEqual(rendered, objectsOf(printed));
  });

  it('as the chart with rules about targets', async () => {
    const rules = ['--allow-target', '169.254.171.0/24', '--deny-target', '*.example.com', '--deny-target', '[::]/0'];
    const printed = await manifests(tools, demoUrl, ...demoVersions, ...rules);
    const values = 'allowTargets={169.254.171.0/24},denyTargets={*.example.com,[::]/0}';
    assert.deepEqual(await chartObjects('--set', values), objectsOf(printed));
  });
});

test('istio/octopus/mesh.yaml equals the output of kubectl kustomize for the overlay', async () => {
  const text = readFileSync(path.join(root, 'istio/octopus/mesh.yaml'), 'utf8');
  assert.equal(text, `# kubectl kustomize kubernetes/overlays/octopus\n${await kustomized(tools, 'overlays/octopus')}`);
});

describe('the version of package.json', () => {
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };

  it('is the version of the chart and of its program', () => {
    const { version: chartVersion, appVersion } = parse(readFileSync(path.join(chartFolder, 'Chart.yaml'), 'utf8'));
    assert.deepEqual({ chartVersion, appVersion }, { chartVersion: version, appVersion: version });
  });

  it("is the tag of every mock's image", async () => {
    const texts = await Promise.all([template('a'), kustomized(tools, 'overlays/octopus'), chart(tools)]);
    const images = texts.flatMap((text) => [...text.matchAll(/image: (meshmock.*)$/gm)].map(([, image]) => image));
    assert.deepEqual([...new Set(images)], [`meshmock:${version}`]);
  });
});
