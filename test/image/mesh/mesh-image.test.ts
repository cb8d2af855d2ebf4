/** The image of the local mesh, run as docs/containers.md and docs/ci.md say. It needs debootstrap and several minutes. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { runStep, type Step } from '../../cli/github/github-runner.ts';
import { runProgram } from '../../program.ts';
import { pageBlock } from '../../repo/page-blocks.ts';
import { sendHttp } from '../../running-mesh.ts';
import { type BuildMeshImage, copyContext, prepareMeshImage } from '../build.ts';
import { type Containers, openContainers } from '../containers.ts';

const image = 'localhost/meshmock-mesh:test';
const checkout = fileURLToPath(new URL('../../..', import.meta.url));

/** Layer of an image, with its size in bytes. */
interface Layer {
  readonly digest: string;
  readonly size: number;
  /** Line of the Dockerfile; `FROM` for the base. */
  readonly instruction: string;
}

/** Returns the lines of a stage of the Dockerfile that change files. */
function instructionsOf(stage: string): string[] {
  const text = readFileSync(path.join(checkout, 'Dockerfile'), 'utf8');
  const lines = text.split(/\nFROM /).find((part) => part.split('\n', 1)[0]?.endsWith(` AS ${stage}`)) ?? '';
  return lines.match(/^(?:RUN|COPY) .*$/gm) ?? [];
}

/** Smallest privileges that the docs give. */
const hardened = [
  '--cap-drop=all',
  ...['SYS_ADMIN', 'NET_ADMIN', 'NET_BIND_SERVICE', 'SETUID', 'SETGID', 'CHOWN', 'DAC_OVERRIDE', 'KILL'].map(
    (name) => `--cap-add=${name}`,
  ),
  '--security-opt=no-new-privileges',
  '--read-only',
  // Podman would mount writable folders. Docker does not.
  '--read-only-tmpfs=false',
  '--tmpfs=/run',
];
const sizeOf = (layers: readonly Layer[]): number => layers.reduce((sum, { size }) => sum + size, 0);
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1).padStart(6)} MB`;

const usual = ['--cap-add=SYS_ADMIN', '--cap-add=NET_ADMIN'];

suite('the image of the local mesh', { timeout: 1_800_000 }, () => {
  let containers: Containers;
  let build: BuildMeshImage;
  let repository: string;
  before(async () => {
    containers = openContainers();
    build = await prepareMeshImage(containers);
    await build(image);
    repository = path.join(containers.folder, 'repository');
    mkdirSync(path.join(repository, 'k8s'), { recursive: true });
    cpSync(path.join(checkout, 'istio/labs'), path.join(repository, 'labs'), { recursive: true });
    const { stdout } = await runProgram(['manifests', '/@reviews/x', '--entry', 'gateway', '--istio']);
    writeFileSync(path.join(repository, 'k8s/shop.yaml'), stdout);
  });
  after(() => containers?.[Symbol.asyncDispose]());

  /** Returns the layers of an image, the first one of its base. */
  async function layersOf(name: string): Promise<Layer[]> {
    const inspected = await containers.podman('image', 'inspect', '--format', '{{json .RootFS.Layers}}', name);
    const history = await containers.podman('history', '--no-trunc', '--format', 'json', name);
    const digests = JSON.parse(inspected) as string[];
    // Only steps that change files are layers.
    const sizes = (JSON.parse(history) as { size: number }[]).map(({ size }) => size).filter((size) => size > 0);
    assert.equal(sizes.length, digests.length, history);
    const instructions = ['FROM', ...instructionsOf('mesh')];
    assert.equal(instructions.length, digests.length, instructions.join('\n'));
    return digests.map((digest, index) => ({
      digest,
      size: sizes.at(-1 - index) ?? 0,
      instruction: instructions[index] ?? '',
    }));
  }

  /** Waits until something returns a value. */
  async function until<T>(limitMs: number, what: string, look: () => Promise<T | undefined>): Promise<T> {
    const deadlineAt = performance.now() + limitMs;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      assert.ok(performance.now() < deadlineAt, `${what}: not within ${limitMs / 1000} s`);
      await sleep(50);
    }
  }

  /** Sends a signal to the program of a container, as a terminal does at Ctrl-C, and waits until the program has ended. */
  async function end(name: string): Promise<{ code: number; durationMs: number }> {
    const pid = Number(await containers.podman('inspect', '--format', '{{.State.Pid}}', name));
    const startedAt = performance.now();
    process.kill(pid, 'SIGINT');
    await until(30_000, `the end of ${name}`, async () => (existsSync(`/proc/${pid}`) ? undefined : true));
    const durationMs = performance.now() - startedAt;
    return { code: Number(await containers.podman('wait', name)), durationMs };
  }

  test('the image has the licences of everything in it', async (t) => {
    const files = await containers.podman(
      ...['run', '--rm', '--entrypoint=find', image],
      ...['/app/LICENSE', '/app/dist/THIRD-PARTY-LICENSES', '/usr/share/doc', '-type', 'f'],
    );
    for (const file of [
      '/app/LICENSE',
      '/app/dist/THIRD-PARTY-LICENSES',
      '/usr/share/doc/iptables/copyright',
      '/usr/share/doc/meshmock/licences/envoy/LICENSE',
      '/usr/share/doc/meshmock/licences/go/LICENSE',
    ])
      assert.ok(files.includes(`${file}\n`), file);
    for (const module of [
      'istio.io/istio',
      'k8s.io/kubernetes',
      'github.com/jaegertracing/jaeger',
      'github.com/coredns/coredns',
    ])
      assert.match(files, new RegExp(`licences/${module}@v[^/]+/LICEN[CS]E`), module);
    const all = await layersOf(image);
    for (const { size, instruction } of all.filter((layer) => layer.size > 100_000))
      t.diagnostic(`${megabytes(size)}  ${instruction}`);
    t.diagnostic(`${megabytes(sizeOf(all))}  together`);
  });

  test('a change of our own program keeps the layers of the tools', async (t) => {
    const context = path.join(containers.folder, 'context');
    copyContext(context);
    const file = path.join(context, 'src/cli/istio/istio.ts');
    const text = readFileSync(file, 'utf8');
    assert.ok(text.includes('Runs a real Istio'));
    writeFileSync(file, text.replace('Runs a real Istio', 'Runs the real Istio'));
    const changed = 'localhost/meshmock-mesh:changed';
    const startedAt = performance.now();
    await build(changed, context);
    t.diagnostic(`built again in ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
    const [before, after] = [await layersOf(image), await layersOf(changed)];
    const help = await containers.podman('run', '--rm', changed, 'istio', '--help');
    assert.match(help, /Runs the real Istio on this machine/);
    const anew = after.filter(({ digest }) => before.every((layer) => layer.digest !== digest));
    t.diagnostic(`new: ${megabytes(sizeOf(anew))}, by ${anew.map(({ instruction }) => instruction).join(', ')}`);
    assert.ok(anew.every(({ instruction }) => instruction.startsWith('COPY --from=build ')));
  });

  test('the image refuses tools of another processor', async () => {
    const file = path.join(containers.folder, 'mesh-tools/tools');
    const [envoy = ''] = globSync('envoy/*/envoy', { cwd: file });
    const program = path.join(file, envoy);
    const bytes = readFileSync(program);
    // The number of AArch64 in the header of ELF, or of x86-64 on AArch64.
    writeFileSync(program, bytes.with(18, process.arch === 'arm64' ? 62 : 183), { mode: 0o755 });
    try {
      await assert.rejects(build('localhost/meshmock-mesh:wrong'), /envoy is for another processor than this image/);
    } finally {
      writeFileSync(program, bytes);
    }
  });

  test('`istio up` answers on the published ports with the smallest privileges, and ends within 3 s', async (t) => {
    const startedAt = performance.now();
    await containers.podman(
      ...['run', '--detach', '--name=up'],
      ...[8080, 16_686, 20_080].map((port) => `--publish=127.0.0.1::${port}`),
      ...[`--volume=${repository}:/repo:ro`, ...hardened, image, 'istio', 'up', '-f', '/repo/k8s'],
    );
    const portOf = async (port: number): Promise<number> =>
      Number((await containers.podman('port', 'up', `${port}/tcp`)).split(':').at(-1));
    const http = await portOf(8080);
    const reply = await until(120_000, 'an answer', async () => {
      const answer = await sendHttp(http, '/@reviews/hello').catch(() => undefined);
      return answer?.status === 200 ? answer : undefined;
    });
    const firstMs = performance.now() - startedAt;
    const [load = 0] = loadavg();
    t.diagnostic(
      `first answer ${(firstMs / 1000).toFixed(1)} s after the start of podman, at a load of ${load.toFixed(0)}`,
    );
    if (load < availableParallelism()) assert.ok(firstMs < 10_000, `${firstMs} ms on a quiet machine`);
    assert.match(reply.body, /"service":\s*"reviews"/);
    assert.match(reply.body, /spiffe:/);
    const { status } = await sendHttp(await portOf(16_686), '/api/v3/services');
    assert.equal(status, 200);
    const page = await sendHttp(await portOf(20_080), '/');
    assert.equal(page.status, 200);
    assert.match(page.body, /<title>/);
    const pods = await containers.podman('exec', 'up', 'meshmock', 'istio', 'status');
    assert.match(pods, /reviews/);
    const { code, durationMs } = await end('up');
    assert.equal(code, 0, await containers.podman('logs', 'up'));
    assert.ok(durationMs < 3000, `${durationMs} ms`);
    t.diagnostic(`ended in ${durationMs.toFixed(0)} ms`);
  });

  test('`test` runs the cases of a mounted folder', async () => {
    const report = await containers.podman(
      ...['run', '--rm', `--volume=${repository}:/repo:ro`, ...hardened, image, 'test', '/repo/labs/traffic-shifting'],
    );
    assert.match(report, /pass {2}a tenth of the calls goes to v2 of service3/);
    assert.match(report, /\n\d+ passed in/);
  });

  test('`test --watch` notices changes of a mounted folder', async () => {
    const folder = path.join(repository, 'watched');
    mkdirSync(folder);
    const write = (status: number): void =>
      writeFileSync(
        path.join(folder, 'a.test.yaml'),
        `manifests: [../k8s]\ncases:\n  - {name: one, call: /@reviews/x, expect: reviews status = ${status}}\n`,
      );
    write(200);
    await containers.podman(
      ...['run', '--detach', '--name=watch', `--volume=${repository}:/repo:ro`, ...usual, image],
      ...['test', '--watch', '/repo/watched'],
    );
    const waitFor = (pattern: RegExp): Promise<true> =>
      until(120_000, String(pattern), async () => {
        const printed = await containers.podman('logs', 'watch');
        return pattern.test(printed) ? true : undefined;
      });
    await waitFor(/pass {2}one/);
    write(503);
    await waitFor(/FAIL {2}one/);
    const { durationMs } = await end('watch');
    assert.ok(durationMs < 3000, `${durationMs} ms`);
  });

  suite('action.yml', () => {
    interface Action {
      readonly inputs: Readonly<Record<string, { readonly default?: string }>>;
      readonly runs: { readonly steps: readonly { readonly run?: string; readonly env?: Record<string, string> }[] };
    }
    /**
     * Runs the script of an action as the runner does, with podman as `docker`.
     *
     * @param place folder of the action in the repository
     */
    function runAction(workspace: string, inputs: Readonly<Record<string, string>>, place = ''): Promise<Step> {
      const action = parse(readFileSync(path.join(checkout, place, 'action.yml'), 'utf8')) as Action;
      const [step] = action.runs.steps;
      const bin = path.join(containers.folder, 'bin');
      mkdirSync(bin, { recursive: true });
      containers.writeProgram(path.join(bin, 'docker'));
      const evaluated = (expression: string): string =>
        expression.replaceAll(/\$\{\{ (\S+) \}\}/g, (_, name: string) =>
          name.startsWith('inputs.')
            ? (inputs[name.slice(7)] ?? action.inputs[name.slice(7)]?.default ?? '')
            : 'Owner/meshmock',
        );
      return runStep(step?.run ?? '', {
        workspace,
        env: {
          ...Object.fromEntries(Object.entries(step?.env ?? {}).map(([name, value]) => [name, evaluated(value)])),
          GITHUB_ACTION_PATH: path.join(checkout, place),
          PATH: `${bin}:${process.env.PATH}`,
        },
      });
    }

    test('the example of docs/ci.md is green, and red at the line of the case after its mistake', async () => {
      const example = path.join(containers.folder, 'example');
      const write = (file: string, text: string): void => {
        mkdirSync(path.dirname(path.join(example, file)), { recursive: true });
        writeFileSync(path.join(example, file), text);
      };
      write('k8s/reviews.yaml', pageBlock('ci.md', 'yaml', 'kind: VirtualService'));
      write('mesh/reviews.test.yaml', pageBlock('ci.md', 'yaml', 'fill: true'));
      const [, command = ''] =
        /^docker run --rm meshmock:mesh (.*) > /m.exec(pageBlock('ci.md', 'sh', 'mesh/client.yaml')) ?? [];
      write('mesh/client.yaml', await containers.podman('run', '--rm', image, ...command.split(' ')));
      const workflow = parse(pageBlock('ci.md', 'yaml', 'on: [push, pull_request]')) as {
        jobs: { mesh: { steps: { uses: string; with?: Record<string, string> }[] } };
      };
      const inputs = { ...workflow.jobs.mesh.steps[1]?.with, image };

      const green = await runAction(example, inputs);
      assert.equal(green.code, 0, green.stdout + green.stderr);
      assert.deepEqual(green.annotations, []);
      assert.match(green.summary, /:white_check_mark: meshmock test: 2 passed/);
      assert.match(green.outputs.junit ?? '', /junit\.xml$/);

      await promisify(execFile)('sh', ['-c', pageBlock('ci.md', 'sh', 'sed -i')], { cwd: example });
      const red = await runAction(example, inputs);
      assert.equal(red.code, 1, red.stderr);
      const [shown = ''] = pageBlock('ci.md', '', '::error').split('…');
      assert.deepEqual(
        red.stdout.split('\n').flatMap((line) => (line.startsWith('::') ? [line.slice(0, shown.length)] : [])),
        [shown],
      );
      assert.match(red.summary, /### :x: meshmock test: 1 passed, 1 failed\n/);
      assert.match(red.summary, /\[mesh\/reviews\.test\.yaml:4\]\(https:\/\/github\.test\//);

      const gitlab = parse(readFileSync(path.join(checkout, 'ci/gitlab.yaml'), 'utf8')) as {
        '.meshmock': { script: string[]; artifacts: { reports: { junit: string } } };
      };
      const { script, artifacts } = gitlab['.meshmock'];
      const variables = parse(pageBlock('ci.md', 'yaml', 'extends: .meshmock')).mesh.variables as Record<
        string,
        string
      >;
      const job = containers.podman(
        ...['run', '--rm', '--privileged', '--entrypoint=', `--volume=${example}:/builds`, '--workdir=/builds'],
        ...Object.entries({ MESHMOCK_ARGUMENTS: '', ...variables }).map(([name, value]) => `--env=${name}=${value}`),
        ...[image, 'sh', '-c', script.join('\n')],
      );
      await assert.rejects(job, { code: 1 });
      const xml = readFileSync(path.join(example, artifacts.reports.junit), 'utf8');
      assert.match(xml, /name="jason gets v2"[^>]* file="mesh\/reviews\.test\.yaml" line="4">\s*<failure/);
    });

    test('inputs have a value a line, and arguments are words', async () => {
      const folder = path.join(repository, 'ci tests');
      mkdirSync(folder);
      writeFileSync(
        path.join(folder, 'a.test.yaml'),
        'cases:\n  - { name: one, call: /@reviews/x, expect: reviews status = 200 }\n',
      );
      const inputs = { image, tests: '\n  ci tests\n', manifests: 'k8s\n', arguments: '--only one\n--timeout 20s' };
      const { code, stdout, stderr } = await runAction(repository, inputs);
      assert.equal(code, 0, stdout + stderr);
    });

    test('ci/diff adds its report to the summary, and fails by severity', async () => {
      const folder = path.join(containers.folder, 'diff');
      cpSync(path.join(checkout, 'istio/examples/diff'), folder, { recursive: true });
      const inputs = { image, old: 'old.yaml', new: 'new.yaml', manifests: 'shop.yaml\n' };
      const red = await runAction(folder, inputs, 'ci/diff');
      assert.equal(red.code, 1, red.stdout + red.stderr);
      assert.match(red.summary, /^### meshmock diff\n/);
      assert.match(red.summary, /\| web → stock \| `POST \/orders\/\*` \| `200 stock v1` \| `403 rbac_denied` \|/);
      assert.match(red.annotations[0]?.message ?? '', /the behaviour of the mesh differs/);
      assert.match(red.outputs.report ?? '', /diff\.md$/);

      const gated = await runAction(folder, { ...inputs, 'fail-on': 'allowed' }, 'ci/diff');
      assert.equal(gated.code, 0, gated.stdout + gated.stderr);
      assert.deepEqual(gated.annotations, []);
      assert.match(gated.summary, /4 behaviours differ/);

      writeFileSync(path.join(folder, 'wrong.yaml'), 'kind: [');
      const wrong = await runAction(folder, { ...inputs, new: 'wrong.yaml', 'fail-on': 'none' }, 'ci/diff');
      assert.equal(wrong.code, 2, wrong.stdout);
      assert.match(wrong.stderr, /wrong\.yaml:1:\d+: /);
    });

    test('without an image, it takes that of its version in the registry of GitHub', async () => {
      const { code, stderr } = await runAction(repository, { tests: 'ci tests', image: '' });
      const { version } = JSON.parse(readFileSync(path.join(checkout, 'package.json'), 'utf8')) as { version: string };
      assert.notEqual(code, 0);
      assert.ok(stderr.includes(`ghcr.io/owner/meshmock/mesh:${version}`), stderr);
    });
  });
});
