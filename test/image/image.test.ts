import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { jaegerArguments, jaegerEnv } from '../../src/istio/local-mesh/jaeger.ts';
import { toolPath } from '../mesh/tools.ts';
import { callHttp, sendHttp, treeOf } from '../running-mesh.ts';
import { installTestTools } from '../tools/installed.ts';
import { buildOf } from './bases.ts';
import { type BuiltImage, buildImage, testSource } from './build.ts';
import { composeFile, readCompose, runService } from './compose.ts';
import { type Containers, openContainers } from './containers.ts';

const hardened = ['--read-only', '--read-only-tmpfs=false', '--cap-drop=all', '--security-opt=no-new-privileges'];

suite('the image', { timeout: 600_000 }, () => {
  let image: BuiltImage;
  let containers: Containers;
  const network = `meshmock-${process.pid}`;
  before(async () => {
    image = await buildImage();
    containers = openContainers();
    await containers.podman('load', '--quiet', '--input', image.archive);
    await containers.podman('network', 'create', network);
  });
  after(() => containers?.[Symbol.asyncDispose]());

  /** Runs the image until it ends, and returns its output and its exit code. */
  async function run(args: readonly string[], where = 'none'): Promise<{ code: number; out: string }> {
    const out = containers.podman('run', '--rm', `--network=${where}`, ...hardened, image.name, ...args);
    return out.then(
      (text) => ({ code: 0, out: text }),
      ({ code, stdout, stderr }) => ({ code, out: `${stdout}${stderr}` }),
    );
  }

  async function inspect(name: string, format: string): Promise<string> {
    return containers.podman('inspect', '--format', format, name);
  }

  async function publishedPort(name: string, port: number): Promise<number> {
    return Number((await containers.podman('port', name, `${port}/tcp`)).split(':').at(-1));
  }

  async function ready(port: number): Promise<void> {
    const deadlineAt = performance.now() + 60_000;
    while ((await sendHttp(port, '/-/ready').catch(() => undefined))?.status !== 200) {
      assert.ok(performance.now() < deadlineAt, 'not ready after 60 s');
      await sleep(10);
    }
  }

  test('the image has a numeric user, a command without a shell, its ports, and the labels of its build', async (t) => {
    const [found] = JSON.parse(await containers.podman('image', 'inspect', image.name)) as [
      { Config: Record<string, unknown>; Labels: Record<string, string>; Size: number },
    ];
    const { User, Entrypoint, Cmd, ExposedPorts, StopSignal } = found.Config;
    assert.deepEqual(
      { User, Entrypoint, Cmd, StopSignal, ports: Object.keys(ExposedPorts as object).sort() },
      {
        User: '65532:65532',
        Entrypoint: ['node', '/app/dist/cli/main.js'],
        Cmd: ['serve'],
        StopSignal: 'SIGTERM',
        ports: ['8080/tcp', '9090/tcp', '9464/tcp'],
      },
    );
    const { title, licenses, source, version, revision, created, 'base.name': base } = labelsOf(found.Labels);
    const program = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    assert.deepEqual(
      { title, licenses, source, version, revision, base },
      {
        title: program.name,
        licenses: program.license,
        source: testSource,
        version: program.version,
        revision: image.key,
        base: 'localhost/base:test',
      },
    );
    assert.ok(Date.parse(created ?? '') <= Date.now());
    t.diagnostic(`${(found.Size / 1e6).toFixed(0)} MB`);
    assert.ok(found.Size < 220e6);
  });

  test('commands run in the image, and one that needs further programs names them', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    assert.deepEqual(await run(['--version']), { code: 0, out: version });
    assert.deepEqual(await run(['plan', '/@a/@b/x', '--as', 'curl']), {
      code: 0,
      out: "curl -g 'localhost:8080/@a/@b/x'",
    });
    const { code, out } = await run(['istio', 'up']);
    assert.equal(code, 2);
    assert.match(out, /^meshmock: this machine lacks ip, iptables-restore, .*\nOr .*the image of the local mesh/m);
  });

  test('a service that gets SIGTERM before it is ready ends at once', async () => {
    await containers.podman('run', '--detach', '--name=early', ...hardened, image.name);
    const deadlineAt = performance.now() + 60_000;
    // Node ignores a signal that arrives before our first line runs, so the signal is repeated.
    while ((await inspect('early', '{{.State.Status}}')) === 'running' && performance.now() < deadlineAt)
      await containers.podman('kill', '--signal=TERM', 'early').catch(() => {});
    assert.match(await inspect('early', '{{.State.ExitCode}}'), /^(?:143|0)$/);
  });

  test('a service answers its calls in flight after SIGTERM, and ends before the grace period', async () => {
    const args = ['--detach', '--name=busy', `--network=${network}`, '--publish=127.0.0.1::8080', '--stop-timeout=30'];
    await containers.podman('run', ...args, ...hardened, image.name);
    const port = await publishedPort('busy', 8080);
    await ready(port);
    const calls = Array.from({ length: 50 }, () => sendHttp(port, '/~delay=2s/x'));
    await sleep(500);
    const startedAt = performance.now();
    await containers.podman('stop', 'busy');
    assert.ok(performance.now() - startedAt < 25_000);
    assert.deepEqual(new Set((await Promise.all(calls)).map(({ status }) => status)), new Set([200]));
    assert.equal(await inspect('busy', '{{.State.ExitCode}}'), '0');
  });

  test('compose.yaml is valid by the schema of compose files', async () => {
    const { compose } = await installTestTools(['compose']);
    const schema = JSON.parse(readFileSync(path.join(compose, 'compose-spec.json'), 'utf8')) as object;
    const ajv = new Ajv({ strict: false, validateFormats: false, validateSchema: false });
    const file = parse(readFileSync(composeFile, 'utf8'), { merge: true }) as { services: { gateway: object } };
    assert.ok(ajv.validate(schema, file), ajv.errorsText());
    Object.assign(file.services.gateway, { read_onyl: true });
    assert.ok(!ajv.validate(schema, file));
  });

  suite('compose.yaml', () => {
    const services = readCompose();
    const startToReady: number[] = [];
    before(async () => {
      const folder = path.join(containers.folder, 'jaeger');
      await makeJaegerImage(containers, folder);
      for (const [name, service] of Object.entries(services)) {
        const isJaeger = name === 'jaeger';
        const startedAt = performance.now();
        await runService(
          containers,
          { name, network, image: isJaeger ? 'localhost/jaeger:test' : image.name },
          service,
          isJaeger ? ['--config', '/jaeger.json'] : [],
        );
        if (name === 'gateway') await ready(await publishedPort(name, 8080));
        startToReady.push(performance.now() - startedAt);
      }
    });

    test('the services find each other by name, and a cascade over HTTP and gRPC is one trace in Jaeger', async (t) => {
      const gateway = await publishedPort('gateway', 8080);
      const mocks = Object.keys(services).filter((name) => name !== 'jaeger');
      const deadlineAt = performance.now() + 60_000;
      while ((await callHttp(gateway, `/@${mocks.join('|')}/x`)).status !== 200)
        assert.ok(performance.now() < deadlineAt);
      const reply = await callHttp(gateway, '/@service1|grpc:service2/@grpc:service3,service4/hello');
      assert.equal(reply.status, 200);
      assert.equal(treeOf(reply), 'gateway(service1(service3,service4),service2(service3,service4))');

      const jaeger = await publishedPort('jaeger', 16686);
      let names: string[] = [];
      while (names.length < 13 && performance.now() < deadlineAt) {
        await sleep(200);
        const { body } = await sendHttp(jaeger, `/api/traces/${reply.traceId}`);
        const [trace] = (JSON.parse(body) as { data?: { spans: { operationName: string }[] }[] }).data ?? [];
        names = trace?.spans.map(({ operationName }) => operationName) ?? [];
      }
      // The entry, and two spans for each of six calls.
      assert.equal(names.length, 13, names.join(', '));
      t.diagnostic(`start to ready ${startToReady[0]?.toFixed(0)} ms, podman's own part included`);
    });

    test('the services run read-only, without root and without capabilities', async (t) => {
      const memory: string[] = [];
      for (const name of Object.keys(services).filter((each) => each !== 'jaeger')) {
        const pid = await inspect(name, '{{.State.Pid}}');
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        for (const line of [/^Uid:\t65532\t/m, /^Cap(?:Bnd):\t0+$/m, /^CapEff:\t0+$/m, /^NoNewPrivs:\t1$/m])
          assert.match(status, line);
        assert.match(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'), /^\S+ \S+ \S+ \S+ \/ ro,/m);
        assert.equal(await inspect(name, '{{.Config.StopTimeout}}'), '20');
        memory.push(`${name} ${Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1000)} MB`);
      }
      t.diagnostic(`resident, spans on: ${memory.join(', ')}`);
    });

    test('`docker run meshmock call` calls the services', async () => {
      const args = ['call', 'localhost:8080/@service1/@grpc:service2/x', '--expect', 'status=200'];
      // A container that joins the network restarts its DNS, which loses queries of others. So it shares a namespace.
      const { code, out } = await run(args, 'container:gateway');
      assert.equal(code, 0, out);
      assert.match(out, /service2 v1/);
    });
  });
});

function labelsOf(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [name.replace('org.opencontainers.image.', ''), value]),
  );
}

/** Makes an image of the Jaeger program with the ports of its official image, which cannot be pulled everywhere. */
async function makeJaegerImage(containers: Containers, folder: string): Promise<void> {
  mkdirSync(folder);
  cpSync(await toolPath('jaeger'), path.join(folder, 'jaeger'));
  jaegerArguments(folder, {
    otlpHttp: ':4318',
    query: ':16686',
    queryGrpc: ':16685',
    health: ':13133',
  });
  const environment = Object.entries(jaegerEnv).map(([name, value]) => `ENV ${name}=${value}`);
  await buildOf(containers, folder, 'localhost/jaeger:test', [
    'FROM scratch',
    'COPY . /',
    ...environment,
    'ENTRYPOINT ["/jaeger"]',
  ]);
}
