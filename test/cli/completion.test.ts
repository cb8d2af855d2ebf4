import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { runProgram } from '../program.ts';

suite('meshmock completion', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'meshmock-completion-'));
    writeFileSync(path.join(folder, 'shop.test.yaml'), '');
  });
  after(() => rmSync(folder, { recursive: true }));

  const scriptFor = async (shell: string): Promise<string> => (await runProgram(['completion', shell])).stdout;

  /** Words that bash offers for the last word of a line. */
  const offered = (script: string, ...words: string[]): string[] => {
    const quoted = ['meshmock', ...words].map((word) => `'${word}'`).join(' ');
    const line = `COMP_WORDS=(${quoted}); COMP_CWORD=${words.length}; _meshmock; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const output = execFileSync('bash', ['--norc', '-c', `${script}\n${line}`], { cwd: folder, encoding: 'utf8' });
    return output.split('\n').filter((word) => word !== '');
  };

  test('lets bash offer commands, subcommands, flags, values and files', async () => {
    const script = await scriptFor('bash');
    assert.deepEqual(offered(script, 'ca'), ['call']);
    assert.deepEqual(offered(script, 'help', 'is'), ['istio']);
    assert.deepEqual(offered(script, 'istio', 'a'), ['apply']);
    assert.deepEqual(offered(script, 'istio', 'apply', '--f'), ['--file']);
    assert.deepEqual(offered(script, 'istio', 'apply', '-f', 'sh'), ['shop.test.yaml']);
    assert.deepEqual(offered(script, 'call', '/x', '--ex'), ['--expect']);
    assert.deepEqual(offered(script, 'serve', '--log-level', 'd'), ['debug']);
    assert.deepEqual(offered(script, 'plan', '/x', '--as', 'g'), ['grpcurl']);
    assert.deepEqual(offered(script, 'test', 'sh'), ['shop.test.yaml']);
    assert.deepEqual(offered(script, 'completion', ''), ['bash', 'zsh', 'fish']);
    assert.deepEqual(offered(script, 'call', '/x', '--expect', 's'), []);
  });

  test('lists every flag of every command for each shell', async () => {
    const helps = await Promise.all(
      ['serve', 'call', 'test', 'plan'].map((command) => runProgram([command, '--help'])),
    );
    const flags = new Set(helps.flatMap(({ stdout }) => stdout.match(/(?<=^ {2}(?:-\w, )?)--[a-z-]+/gm) ?? []));
    assert.ok(flags.size > 40, String(flags.size));
    const spellings = {
      bash: (flag: string) => new RegExp(`[ "]${flag}[ "]`),
      zsh: (flag: string) => new RegExp(`\\*${flag}\\[`),
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
