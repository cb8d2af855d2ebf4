import assert from 'node:assert/strict';
import { existsSync, globSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { introduction } from '../../src/cli/istio/istio-report.ts';
import { allLabs, pageOf } from '../../src/cli/labs/lab-list.ts';
import { isStartedByNpx } from '../../src/cli/process/npx.ts';
import { runProgram, startProgram } from '../program.ts';

const root = path.join(import.meta.dirname, '../..');

test('meshmock labs lists every lab', async () => {
  const { code, stdout } = await runProgram(['labs']);
  assert.equal(code, 0);
  const listed = stdout.split('\n').flatMap((line) => /^ {2}([a-z-]+)(?: |$)/.exec(line)?.[1] ?? []);
  const folders = globSync('istio/labs/*/README.md', { cwd: root }).map((file) => path.basename(path.dirname(file)));
  assert.deepEqual(listed.toSorted(), folders.toSorted());
  assert.ok(listed.length > 20);
});

test('the page of a lab has absolute paths outside of the checkout, and is as it is inside', async () => {
  const inside = await runProgram(['labs', 'traffic-shifting']);
  assert.match(inside.stdout, /^# Traffic shifting\n/);
  assert.match(inside.stdout, /apply -f istio\/labs\/traffic-shifting\/ninety-ten\.yaml/);
  await using outside = startProgram(['labs', 'traffic-shifting'], {}, tmpdir());
  assert.equal(await outside.exited(), 0);
  assert.ok(outside.stdout.includes(`apply -f ${root}/istio/labs/traffic-shifting/ninety-ten.yaml`), outside.stdout);
});

test('outside of the checkout, each page names the commands that start the mesh, and has no relative links', () => {
  const labs = allLabs();
  const folder = process.cwd();
  try {
    process.chdir(tmpdir());
    for (const lab of labs) {
      const page = pageOf(lab);
      for (const [, target = ''] of page.matchAll(/\]\(([^)#\s]+)/g))
        assert.ok(target.startsWith('https://') || existsSync(target), `${lab.name}: ${target}`);
      assert.doesNotMatch(page, /npx/);
      // The lab needs a cluster.
      if (lab.name !== 'ambient')
        assert.match(page, /`meshmock labs --up`[^`]*`eval "\$\(meshmock istio env\)"`/, lab.name);
    }
  } finally {
    process.chdir(folder);
  }
});

test('the start of a mesh names the command of kubectl, and npx only if npx started it', () => {
  const entry = { name: 'gateway', kind: 'service', protocol: 'http', targets: [] } as const;
  const kubernetes = { ...entry, name: 'kubernetes', kind: 'kubernetes' } as const;
  const ports = [entry, kubernetes].map((one) => ({ entry: one, host: '', port: 8080 }));
  const text = introduction([], ports, { seconds: 1, folder: '/run/a', mesh: 'a', page: undefined });
  assert.match(
    text,
    /\n {2}eval "\$\(meshmock istio env --mesh a\)" {6}# in another terminal: kubectl uses this mesh\n/,
  );
  assert.match(text, /for kubectl: istio env\n/);
  assert.doesNotMatch(text, /npx/);
  assert.equal(isStartedByNpx({ npm_command: 'exec', npm_lifecycle_script: 'meshmock labs --up' }), true);
  assert.equal(isStartedByNpx({ npm_command: 'test', npm_lifecycle_script: 'node --test' }), false);
});

test('the folder of each lab is printed by --path', async () => {
  const [first] = allLabs();
  assert.ok(first);
  assert.equal((await runProgram(['labs', first.name, '--path'])).stdout.trim(), first.folder);
  assert.equal((await runProgram(['labs', '--path'])).stdout.trim(), path.join(root, 'istio/labs'));
});

for (const { args, error } of [
  { args: ['traffic-shiftin'], error: /no lab "traffic-shiftin".*traffic-shifting/s },
  { args: ['ambient', '--check'], error: /"ambient" has no cases/ },
  { args: ['--check'], error: /name the lab to check/ },
  { args: ['retries', '--check', '--up'], error: /--check and --up exclude each other/ },
])
  test(`meshmock labs ${args.join(' ')} is an error of usage`, async () => {
    const { code, stderr } = await runProgram(['labs', ...args]);
    assert.equal(code, 2);
    assert.match(stderr, error);
  });
