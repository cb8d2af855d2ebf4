import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { runProgram } from '../program.ts';

const folder = 'test/istio/validator';

interface Shown {
  readonly name: string;
  readonly outcome: string;
  readonly durationMs: number;
  readonly problem?: string;
  readonly expectations?: readonly { readonly expectation: string; readonly seen: string; readonly passed: boolean }[];
  readonly notSeen?: readonly string[];
}

async function run(
  file: string,
  manifests: string,
  ...more: readonly string[]
): Promise<{ code: number | null; cases: readonly Shown[] }> {
  const { code, stdout, stderr } = await runProgram([
    ...['test', `${folder}/${file}`, '--manifests', `${folder}/${manifests}`, '--json', ...more],
  ]);
  assert.notEqual(stdout, '', stderr);
  return { code, cases: (JSON.parse(stdout) as { files: { cases: Shown[] }[] }).files.flatMap(({ cases }) => cases) };
}

/** Returns what was seen by each expectation that failed. */
function failuresOf({ expectations = [] }: Shown): Record<string, string> {
  const failed = expectations.filter(({ passed }) => !passed);
  return Object.fromEntries(failed.map(({ expectation, seen }) => [expectation, seen]));
}

suite('files of istio-config-validator on a local mesh', { timeout: 300_000 }, () => {
  test('right assertions pass at a gateway and from a sidecar, and those without evidence are not seen', async () => {
    const { code, cases } = await run('shop_test.yaml', 'shop.yaml');
    assert.deepEqual(
      cases.filter(({ outcome }) => outcome !== 'passed').map((one) => [one.name, failuresOf(one), one.problem]),
      [],
    );
    assert.equal(code, 0);
    assert.equal(cases.length, 8 + 4 + 2 + 8 + 6);
    const [regex] = cases.filter(({ name }) => name.startsWith('a regex of RE2'));
    assert.deepEqual(regex?.notSeen, [
      'uri rewritten by ^/v1/(?P<rest>.*)$: JavaScript cannot evaluate this RE2 regex',
    ]);
    const [aborted] = cases.filter(({ name }) => name.startsWith('bots get no resellers'));
    assert.deepEqual(aborted?.notSeen, ['route to partners: a fault answers every request before it takes a route']);
    assert.deepEqual(
      aborted?.expectations?.map(({ expectation }) => expectation),
      ['all aborted with 403'],
    );
  });

  test('each case with a wrong assertion fails', async () => {
    const { code, cases } = await run('wrong_test.yaml', 'shop.yaml');
    assert.equal(code, 1);
    assert.deepEqual(
      cases.filter(({ outcome }) => outcome !== 'failed').map(({ name }) => name),
      [],
    );
    assert.equal(cases.length, 24);
  });

  test('files of istio-router-check are run like those of istio-config-validator', async () => {
    const { code, cases } = await run('router_test.yaml', 'shop.yaml');
    assert.equal(code, 1);
    assert.deepEqual(
      cases.map((one) => [one.name, one.outcome, failuresOf(one)]),
      [
        ['testers get the new basket', 'passed', {}],
        ['resellers are partners', 'passed', {}],
        ['old pages have moved', 'passed', {}],
        [
          'a wrong cluster',
          'failed',
          { 'cluster outbound|8000||basket.checkout.svc.cluster.local': 'monolith.shop.svc.cluster.local:80' },
        ],
        ['a wrong header', 'failed', { 'request header x-lane exact test': 'received (none)' }],
      ],
    );
    assert.deepEqual(cases[1]?.notSeen, ['virtual_host_name x: proxies do not show it']);
  });

  test('requests show where the simulation of the validator differs from Istio and Envoy', async () => {
    const { cases } = await run('differences_test.yaml', 'differences.yaml');
    const seen = cases.map((one) => [one.name.replace(/:.*/, ''), Object.values(failuresOf(one))]);
    assert.deepEqual(seen, [
      ['the same object twice', ['monolith.differences.svc.cluster.local:80']],
      ['a regex within a path', ['monolith.differences.svc.cluster.local:80']],
      ['a query', ['monolith.differences.svc.cluster.local:80']],
      ['a subset of no DestinationRule', ['no service: status 503 (no_route)']],
      [
        'a regex on both sides of a delegate',
        [
          'monolith.differences.svc.cluster.local:80; Istio drops routes of sellers (delegate of differences): a regex of the path cannot be combined with the path of the other VirtualService',
        ],
      ],
    ]);
  });

  test('a gateway without HTTP is skipped, an unknown host fails at once, and a failure is tried again', async () => {
    const { code, cases } = await run('unseen_test.yaml', 'unseen.yaml', '--retry-until', '4s');
    assert.equal(code, 1);
    assert.deepEqual(
      cases.map(({ name, outcome }) => `${outcome}: ${name}`),
      [
        'passed: to partners: GET inside.test/x',
        'skipped: to partners: GET outside.test/x',
        'failed: to partners: GET nobody.test/x',
        'passed: not to partners: GET nobody.test/x',
      ],
    );
    const [inside, outside, nobody, notThere] = cases as [Shown, Shown, Shown, Shown];
    const reason = 'Gateway shop/secure has no HTTP server, and the requests are plain HTTP';
    assert.deepEqual(inside.notSeen, [reason]);
    assert.equal(outside.problem, reason);
    assert.deepEqual(failuresOf(nobody), { 'route to partners': 'no service: status 503 (connect_failure)' });
    assert.ok(nobody.durationMs > 3000 && notThere.durationMs < 3000, `${nobody.durationMs}, ${notThere.durationMs}`);
  });

  test('a Gateway may select the pods of a StatefulSet', async () => {
    const { code, cases } = await run('gateway-workloads_test.yaml', 'gateway-workloads.yaml');
    assert.deepEqual(
      cases.map(({ name, outcome }) => `${outcome}: ${name}`),
      ['passed: to the shop: GET www.edge.test/shop', 'passed: to the site: GET www.edge.test/'],
    );
    assert.equal(code, 0);
  });

  test('a running mesh skips them, with the reason', async () => {
    const { code, stdout } = await runProgram(['test', `${folder}/shop_test.yaml`, '--entry', 'http://127.0.0.1:9']);
    assert.equal(code, 2);
    assert.match(stdout, /skip {2}testers get the new basket: GET www\.shop\.test\/basket/);
    assert.match(stdout, /asserted routes need a local mesh/);
  });
});
