import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../src/istio/resources/objects.ts';
import { type Check, manifestCheck } from './check.ts';
import { demoUrl, demoVersions, manifests } from './shipped.ts';
import { manifestTools, root, temporaryFolder } from './tools.ts';

const tools = await manifestTools();
const folder = temporaryFolder();
let check: Check;
let validObjects: readonly KubeObject[];

before(async () => {
  check = await manifestCheck(tools, folder);
  const policy = readFileSync(path.join(root, 'istio/examples/service3-for-service2-only.yaml'), 'utf8');
  const text = [await manifests(tools, demoUrl, ...demoVersions, '--istio'), policy].join('---\n');
  validObjects = parseAllDocuments(text).map((document) => document.toJS() as KubeObject);
});
after(() => rmSync(folder, { recursive: true }));

/** Mistake in a manifest: a field of an object gets a wrong value. */
interface Mistake {
  readonly object: string;
  readonly path: readonly (string | number)[];
  readonly value: unknown;
  /** Pattern of the expected problem, with the name of the object. */
  readonly found: RegExp;
}

const container = ['spec', 'template', 'spec', 'containers', 0] as const;
const route = ['spec', 'http', 0, 'route', 0] as const;

const mistakes: Readonly<Record<string, Mistake>> = {
  'a port name without a protocol': {
    object: 'Service/service1',
    path: ['spec', 'ports', 0, 'name'],
    value: 'web',
    found: /Service\/+service1.*port "web" does not follow/,
  },
  'a subset that no pod has': {
    object: 'DestinationRule/service2',
    path: ['spec', 'subsets', 1, 'labels', 'version'],
    value: 'v9',
    found: /^destinationrule\.networking\.istio\.io\/service2: subset v2: no pod of service2 has version=v9$/,
  },
  'a subset that no DestinationRule has': {
    object: 'VirtualService/service2',
    path: [...route, 'destination', 'subset'],
    value: 'v9',
    found: /VirtualService service2 .*"service2\+v9"/,
  },
  'a host that no Service has': {
    object: 'VirtualService/service2',
    path: [...route, 'destination', 'host'],
    value: 'service9',
    found: /VirtualService service2 .*"service9/,
  },
  'a negative weight': {
    object: 'VirtualService/service2',
    path: [...route, 'weight'],
    value: -1,
    found: /VirtualService\/+service2: weight -1 < 0/,
  },
  'an unknown field of a Deployment': {
    object: 'Deployment/service1-v1',
    path: [...container, 'imagePolicy'],
    value: 'Always',
    found: /Deployment service1-v1 is invalid.*'imagePolicy'/,
  },
  'an unknown field of a Service': {
    object: 'Service/service1',
    path: ['spec', 'selectors'],
    value: {},
    found: /Service service1 is invalid.*'selectors'/,
  },
  'an unknown field of a VirtualService': {
    object: 'VirtualService/service2',
    path: ['spec', 'http', 0, 'routes'],
    value: [],
    found: /VirtualService service2 is invalid.*'routes'/,
  },
  'a wrong type': {
    object: 'Deployment/service1-v1',
    path: ['spec', 'replicas'],
    value: 'two',
    found: /Deployment service1-v1 is invalid.*replicas/,
  },
  'a Service whose selector matches no pod': {
    object: 'Service/service1',
    path: ['spec', 'selector', 'app'],
    value: 'service-1',
    found: /^service\/service1: the selector app=service-1 matches no pod in default$/,
  },
  'a policy whose selector matches no pod': {
    object: 'AuthorizationPolicy/service3',
    path: ['spec', 'selector', 'matchLabels', 'app'],
    value: 'service33',
    found: /^authorizationpolicy\.security\.istio\.io\/service3: the selector app=service33 matches no pod in default/,
  },
  'a variable that is used before its definition': {
    object: 'Deployment/service1-v1',
    path: [...container, 'env', 0],
    value: { name: 'EARLY', value: 'pod-$(POD_UID)' },
    found: /^deployment\.apps\/service1-v1: EARLY uses POD_UID, which is not defined before it$/,
  },
};

function withMistake({ object, path: fields, value }: Mistake): string {
  const copy = structuredClone(validObjects);
  const wrong = copy.find(({ kind, metadata }) => `${kind}/${metadata.name}` === object);
  assert.ok(wrong, `${object} does not exist`);
  const parent = fields
    .slice(0, -1)
    .reduce<unknown>((value, field) => (value as Record<string, unknown>)[field], wrong);
  (parent as Record<string, unknown>)[String(fields.at(-1))] = value;
  return copy.map((one) => JSON.stringify(one)).join('\n---\n');
}

describe('the check of our manifests', () => {
  it('finds no problem in the manifests without mistakes', async () => {
    assert.deepEqual(await check(validObjects.map((object) => JSON.stringify(object)).join('\n---\n')), []);
  });

  for (const [name, mistake] of Object.entries(mistakes))
    it(`finds ${name}`, async () => {
      const problems = await check(withMistake(mistake));
      assert.ok(
        problems.some((problem) => mistake.found.test(problem)),
        problems.join('\n') || 'nothing was found',
      );
    });
});
