import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { programNode } from '../program.ts';
import { install, pack, ran, root, started } from './packed.ts';

describe('the package that npm pack makes', () => {
  const work = realpathSync(mkdtempSync(path.join(tmpdir(), 'meshmock-package-')));
  const home = path.join(work, 'home');
  const elsewhere = path.join(work, 'folder');
  const env = { HOME: home, PATH: `${path.dirname(programNode)}:/usr/local/bin:/usr/bin:/bin` };
  let program = '';

  const meshmock = (...args: string[]) => ran(program, args, { cwd: home, env });

  /** Starts the program until the end of a test, and waits until it prints a text. */
  async function running(args: readonly string[], pattern: RegExp) {
    const { child, match, ended } = await started(program, args, { cwd: home, env }, pattern);
    return {
      match,
      async [Symbol.asyncDispose]() {
        child.kill('SIGTERM');
        await ended;
      },
    };
  }

  before(async () => {
    program = await install(await pack(work), elsewhere, home);
  });
  after(() => rmSync(work, { recursive: true }));

  test('a service answers a call', async () => {
    await using service = await running(
      ['serve', '--name', 'a', '--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0'],
      /http \S+:(\d+) grpc \S+:(\d+)/,
    );
    const [, http, grpc] = service.match;
    const overHttp = await meshmock('call', `127.0.0.1:${http}/~status=418/x`);
    assert.match(overHttp.stdout, /a v1 .* 418/);
    const overGrpc = await meshmock('call', `grpc://127.0.0.1:${grpc}/x`, '--expect', 'status = 200');
    assert.equal(overGrpc.code, 0, overGrpc.stdout + overGrpc.stderr);
  });

  test('a mesh of processes starts, and one service calls another by name', async () => {
    await using _mesh = await running(['up', '--http', 'localhost:0', '--grpc', 'localhost:0'], /gateway +http (\S+)/);
    const [, address] = _mesh.match;
    const { code, stdout } = await meshmock('call', `${address}/@service1/@grpc:service3/x`);
    assert.equal(code, 0);
    assert.match(stdout, /service3 v1/);
  });

  test('plans, manifests and labs are printed', async () => {
    assert.match((await meshmock('plan', '/@a|b/x', '--as', 'curl')).stdout, /^curl -g/);
    assert.match((await meshmock('manifests', '/@a|b/x')).stdout, /kind: Deployment/);
    assert.match((await meshmock('labs')).stdout, /traffic-shifting/);
    const page = (await meshmock('labs', 'traffic-shifting')).stdout;
    const [, file = ''] = /apply -f (\S+)/.exec(page) ?? [];
    assert.ok(file.startsWith(elsewhere) && existsSync(file), file);
  });

  test('the answers of --answers have patterns', async () => {
    const file = path.join(work, 'answers.yaml');
    execFileSync('sh', ['-c', `printf 'answers:\\n  - {path: /users/:id, status: 200, body: {id: 1}}\\n' > ${file}`]);
    await using service = await running(
      ['serve', '--name', 'a', '--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0', '--answers', file],
      /http (\S+) grpc/,
    );
    const answer = await fetch(`http://${service.match[1]}/users/7`);
    assert.deepEqual(await answer.json(), { id: 1 });
  });

  test('the commands of the local mesh start, and say what is missing or running', async () => {
    const { stderr } = await meshmock('istio', 'status', '--mesh', 'none');
    assert.match(stderr, /the mesh "none" is not up/);
    assert.match((await meshmock('test', '--help')).stdout, /Tests the configuration of a mesh/);
  });

  test('the local mesh finds the same tools as in the checkout', async () => {
    const script = 'src/istio/tools/install.sh';
    const keys = (folder: string): string =>
      execFileSync(script, ['--folders', 'istio', 'envoy', 'jaeger', 'kube', 'istioctl', 'cluster'], {
        cwd: folder,
        encoding: 'utf8',
      });
    assert.equal(keys(path.join(elsewhere, 'node_modules/meshmock')), keys(root));
  });

  test('the files to which its pages link are in it', () => {
    const folder = path.join(elsewhere, 'node_modules/meshmock');
    const pages = ['README.md', ...globSync('{docs,istio,kubernetes}/**/*.md', { cwd: folder })];
    assert.ok(pages.length > 40);
    const broken = pages.flatMap((page) =>
      [...readFileSync(path.join(folder, page), 'utf8').matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
        .map(([, link = '']) => path.join(path.dirname(page), link))
        // Pages and files for people who change meshmock are only in the repository.
        .filter(
          (file) =>
            !/^(?:CONTRIBUTING|ARCHITECTURE)\.md$|^(?:src|test|build)\/|^Dockerfile$|^compose\.yaml$/.test(file),
        )
        .filter((file) => !existsSync(path.join(folder, file)))
        .map((file) => `${page}: ${file}`),
    );
    assert.deepEqual(broken, []);
  });

  test('npx runs it without an installation', async () => {
    const cache = path.join(work, 'npx-cache');
    const npx = { ...process.env, npm_config_cache: cache, npm_config_update_notifier: 'false' };
    const archive = readdirSync(work).find((file) => file.endsWith('.tgz'));
    const { code, stdout, stderr } = await ran('npx', ['--yes', `./${archive}`, 'labs'], { cwd: work, env: npx });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /traffic-shifting/);
  });

  test('nothing is written outside of its folder', () => {
    assert.deepEqual(readdirSync(home), []);
  });

  test('the scripts of a checkout say at once that Windows needs WSL', async () => {
    const windows = 'data:text/javascript,Object.defineProperty(process,"platform",{value:"win32"})';
    const { code, stderr } = await ran(programNode, ['--import', windows, 'build/setup.mjs'], { cwd: root, env });
    assert.equal(code, 1);
    assert.equal(
      stderr,
      'meshmock: the scripts of this checkout need a POSIX shell. On Windows, run them in WSL (docs/platforms.md).\n',
    );
  });

  test('an older Node gets one clear line', async () => {
    const main = path.join(elsewhere, 'node_modules/meshmock/dist/cli/main.js');
    const oldNode = 'data:text/javascript,Object.defineProperty(process.versions,"node",{value:"22.18.0"})';
    const { code, stderr } = await ran(programNode, ['--import', oldNode, main, 'plan', '/x'], { cwd: home, env });
    assert.equal(code, 2);
    assert.match(stderr, /^meshmock: Node 22\.19 or later is needed, and this is v[\d.]+: install a newer one; .*\n$/);
  });
});
