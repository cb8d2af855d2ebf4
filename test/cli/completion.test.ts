import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { runProgram } from '../program.ts';
import { isInstalled, offeredBy, shells } from './shell-completions.ts';

/** Command lines after `meshmock`, and what every shell offers for their last words. */
const offers: Readonly<Record<string, readonly string[]>> = {
  ca: ['call'],
  '--v': ['--version'],
  'help i': ['istio'],
  'help istio a': ['apply'],
  'help call ': [],
  'istio ': ['apply', 'delete', 'down', 'env', 'kubeconfig', 'status', 'tools', 'up', 'wait'],
  'istio --h': ['--help'],
  'istio apply --fi': ['--file'],
  'istio apply -f with': ['with space.yaml'],
  'istio down --fi': [],
  'istio up --f': ['--file', '--fill'],
  'up --f': [],
  'call /x --ex': ['--expect'],
  'call /x --expect s': [],
  'call up --see': [],
  'call --junit sh': ['shop.test.yaml'],
  'serve --log-level d': ['debug'],
  'serve --log-level=d': ['debug'],
  'plan /x --as=g': ['grpcurl'],
  'test sh': ['shop.test.yaml'],
  'test x.yaml --manifests sh': ['shop.test.yaml'],
  'up oc': ['octopus'],
  'up sh': ['shop.test.yaml'],
  'completion ': ['bash', 'fish', 'zsh'],
};

suite('meshmock completion', () => {
  let root: string;
  let folder: string;
  before(() => {
    root = mkdtempSync(path.join(tmpdir(), 'meshmock-completion-'));
    folder = path.join(root, 'files');
    mkdirSync(folder);
    for (const name of ['shop.test.yaml', 'with space.yaml']) writeFileSync(path.join(folder, name), '');
  });
  after(() => rmSync(root, { recursive: true }));

  const scriptFor = async (shell: string): Promise<string> => (await runProgram(['completion', shell])).stdout;

  for (const shell of shells) {
    const skip = isInstalled(shell) ? false : `${shell} is not installed`;
    test(`lets ${shell} offer commands, subcommands, flags, values and files`, { skip }, async () => {
      const lines = Object.keys(offers).map((line) => line.split(' '));
      const offered = offeredBy(shell, await scriptFor(shell), folder, lines);
      assert.deepEqual(Object.fromEntries(Object.keys(offers).map((line, index) => [line, offered[index]])), offers);
    });
  }

  test('lists every flag of every command for each shell', async () => {
    const helps = await Promise.all(
      ['serve', 'call', 'test', 'plan'].map((command) => runProgram([command, '--help'])),
    );
    const flags = new Set(helps.flatMap(({ stdout }) => stdout.match(/(?<=^ {2}(?:-\w, )?)--[a-z-]+/gm) ?? []));
    assert.ok(flags.size > 40, String(flags.size));
    const spellings = {
      bash: (flag: string) => new RegExp(`[ "]${flag}[ "]`),
      zsh: (flag: string) => new RegExp(`\\*${flag}=?\\[`),
      fish: (flag: string) => new RegExp(` -l ${flag.slice(2)} `),
    };
    for (const [shell, spelling] of Object.entries(spellings)) {
      const script = await scriptFor(shell);
      for (const flag of flags) assert.match(script, spelling(flag), `${shell} ${flag}`);
    }
  });

  test('refuses a shell that it does not know', async () => {
    const { code, stderr } = await runProgram(['completion', 'tcsh']);
    assert.equal(code, 2);
    assert.equal(stderr, 'meshmock: expected one shell: bash, zsh, fish\n');
  });
});
