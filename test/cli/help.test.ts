import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { runProgram } from '../program.ts';

const commands = ['up', 'serve', 'call', 'test', 'istio', 'manifests', 'plan', 'completion', 'help'];
const subcommands = ['up', 'apply', 'delete', 'wait', 'kubeconfig', 'env', 'status', 'down'];

/** Checks that a help has examples, and that it fits a projector. */
function assertHelp(text: string): void {
  assert.match(text, /^Examples:\n {2}\S/m);
  const wide = text.split('\n').filter((line) => [...line].length > 80);
  assert.deepEqual(wide, []);
}

suite('meshmock help', () => {
  test('lists the commands without a command, with --help, -h and help', async () => {
    const [bare, ...others] = await Promise.all([[], ['--help'], ['-h'], ['help']].map((args) => runProgram(args)));
    assert.match(bare?.stdout ?? '', /^meshmock: a mock service for exploring a service mesh\n/);
    for (const command of commands) assert.match(bare?.stdout ?? '', new RegExp(`^ {2}${command}\\b`, 'm'));
    for (const other of others) assert.deepEqual(other, bare);
  });

  test('prints the same help for a command as --help, with examples and within 80 columns', async () => {
    for (const command of commands) {
      const [byHelp, byFlag] = await Promise.all([runProgram(['help', command]), runProgram([command, '--help'])]);
      assert.equal(byHelp.code, 0);
      assert.match(byHelp.stdout, new RegExp(`^Usage: meshmock ${command}\\b`));
      assert.equal(byFlag.stdout, byHelp.stdout);
      assertHelp(byHelp.stdout);
    }
  });

  test('prints the help of a subcommand, with options, examples and within 80 columns', async () => {
    for (const subcommand of subcommands) {
      const [byHelp, byFlag] = await Promise.all([
        runProgram(['help', 'istio', subcommand]),
        runProgram(['istio', subcommand, '--help']),
      ]);
      assert.match(byHelp.stdout, new RegExp(`^Usage: meshmock istio ${subcommand}\\b`));
      assert.equal(byFlag.stdout, byHelp.stdout);
      assert.match(byHelp.stdout, /^Options:$/m);
      assertHelp(byHelp.stdout);
    }
  });

  test('prints the version for --version', async () => {
    const { code, stdout } = await runProgram(['--version']);
    assert.equal(code, 0);
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  });

  test('suggests what a mistyped command, subcommand or flag means', async () => {
    const stderrOf = async (...args: string[]): Promise<string> => {
      const { code, stderr } = await runProgram(args);
      assert.equal(code, 2);
      return stderr;
    };
    assert.equal(await stderrOf('manifest'), 'meshmock: unknown command "manifest"; did you mean "manifests"?\n');
    assert.equal(
      await stderrOf('istio', 'aply'),
      'meshmock: unknown subcommand "aply" of istio; did you mean "apply"?\n',
    );
    assert.equal(
      await stderrOf('help', 'istio', 'dwn'),
      'meshmock: unknown subcommand "dwn" of istio; did you mean "down"?\n',
    );
    assert.equal(
      await stderrOf('call', '/x', '--repeet', '3'),
      'meshmock: unknown flag "--repeet"; did you mean "--repeat"?\n',
    );
    assert.equal(await stderrOf('version'), 'meshmock: unknown command "version"; did you mean "--version"?\n');
    assert.equal(
      await stderrOf('--verson'),
      'meshmock: unknown flag "--verson" before the command; did you mean "--version"?\n',
    );
    assert.equal(
      await stderrOf('--json', 'call', '/x'),
      'meshmock: unknown flag "--json" before the command; the flags there are --help, --version\n',
    );
    assert.match(await stderrOf('frobnicate'), /unknown command "frobnicate"; the commands are up, serve, /);
    assert.equal(await stderrOf('help', 'call', 'x'), 'meshmock: call has no subcommands\n');
  });
});
