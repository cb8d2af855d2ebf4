/** Tests of `meshmock istio` as a program: its start and end, its output, and its errors. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { choosePorts } from '../../src/cli/up/ports.ts';
import { main, type Program, programNode, runProgram, runShell, startProgram } from '../program.ts';
import { descendantsOf } from './descendants.ts';
import { demoWorkloads, startLocalMesh } from './local-mesh.ts';
import { routeTo, virtualService, workload } from './manifests.ts';

const demo = [demoWorkloads, 'istio/demo/ingress.yaml'];
const anyPort = ['--http', 'localhost:0', '--jaeger', 'localhost:0', '--metrics', 'localhost:0'];
let count = 0;

function up(...args: readonly string[]): { program: Program; mesh: string } {
  const mesh = `lifecycle-${process.pid}-${count++}`;
  return { program: startProgram(['istio', 'up', '--mesh', mesh, ...anyPort, ...args]), mesh };
}

/** How an accepted connection ends. */
type Outcome = 'answered' | 'reset' | 'closed' | 'hangs';

const hangMs = 20_000;
/** Accepted connections of a port that are tried. */
const maxAccepted = 50;

/** Connects to a port of this machine and sends a request. Returns undefined if nothing listens. */
async function connectTo(port: number): Promise<{ readonly outcome: Promise<Outcome> } | undefined> {
  const socket = connect(port, 'localhost');
  const outcome = Promise.withResolvers<Outcome>();
  const timer = setTimeout(() => outcome.resolve('hangs'), hangMs);
  socket.once('data', () => outcome.resolve('answered'));
  socket.once('end', () => outcome.resolve('closed'));
  socket.once('error', () => outcome.resolve('reset'));
  const ended = outcome.promise.finally(() => {
    clearTimeout(timer);
    socket.destroy();
  });
  const isAccepted = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  if (!isAccepted) return undefined;
  socket.write('GET /hello HTTP/1.1\r\nhost: any\r\nconnection: close\r\n\r\n');
  return { outcome: ended };
}

async function assertAllEnd(pids: readonly number[]): Promise<void> {
  assert.ok(pids.length > 20, `only ${pids.length} processes`);
  for (let tries = 0; tries < 600 && pids.some((pid) => existsSync(`/proc/${pid}`)); tries++) await sleep(50);
  assert.deepEqual(
    pids.filter((pid) => existsSync(`/proc/${pid}`)),
    [],
  );
}

async function text(url: string): Promise<string> {
  return (await fetch(url, { headers: { accept: 'text/plain' } })).text();
}

describe('meshmock istio up', () => {
  it('starts the demo, prints how to call it, and leaves nothing after Ctrl-C', async () => {
    await using program = up().program;
    const [, port] = await program.printed(/gateway +http localhost:(\d+)[\s\S]*Ctrl-C/);
    assert.match(await text(`http://localhost:${port}/@service1/x`), /service1 v1 .* mTLS gateway→service1/);
    const pids = descendantsOf(program.child.pid as number);
    program.child.kill('SIGINT');
    assert.equal(await program.exited(), 0);
    await assertAllEnd(pids);
    assert.ok(!existsSync('/etc/netns'));
  });

  it('answers or ends each connection that arrives while it starts', async () => {
    // The services get the ports after the first one of each protocol.
    const names = Array.from({ length: 20 }, (_, index) => `port ${index}`);
    const ports = await choosePorts(names.map((name) => ({ flag: '', name, host: 'localhost', port: 0 })));
    const [http = 0, grpc = 0] = [ports[0], ports[10]];
    await using program = up('--http', `localhost:${http}`, '--grpc', `localhost:${grpc}`).program;
    let isUp = false;
    const printed = program.printed(/Ctrl-C/).finally(() => {
      isUp = true;
    });
    // A listener belongs to two processes for some milliseconds. So each port is tried often, until it has accepted.
    const tryPort = async (port: number): Promise<Outcome[]> => {
      const accepted: Promise<Outcome>[] = [];
      while (!isUp && accepted.length < maxAccepted) {
        const connection = await connectTo(port);
        if (connection === undefined) await sleep(1);
        else accepted.push(connection.outcome);
      }
      return Promise.all(accepted);
    };
    const services = [0, 1, 2, 3, 4].flatMap((index) => [http + index, grpc + index]);
    const outcomes = (await Promise.all(services.map(tryPort))).flat();
    await printed;
    const counts = Map.groupBy(outcomes, (outcome) => outcome);
    assert.deepEqual(counts.get('hangs') ?? [], []);
    assert.ok((counts.get('answered') ?? []).length > 0, 'the last connections are answered');
  });

  it('leaves no process if it is killed, and no file after the next start', async () => {
    const first = up();
    const { mesh } = first;
    await first.program.printed(/Ctrl-C/);
    const pids = descendantsOf(first.program.child.pid as number);
    first.program.child.kill('SIGKILL');
    await first.program.exited();
    await assertAllEnd(pids);
    await using next = startProgram(['istio', 'up', '--mesh', mesh, ...anyPort]);
    await next.printed(/Ctrl-C/);
    await using twice = startProgram(['istio', 'up', '--mesh', mesh, ...anyPort]);
    assert.equal(await twice.exited(), 2);
    assert.match(twice.stderr, new RegExp(`the mesh "${mesh}" is already up`));
    await using down = startProgram(['istio', 'down', '--mesh', mesh]);
    assert.equal(await down.exited(), 0, down.stderr);
    assert.ok(!existsSync(`/run/meshmock/${mesh}`));
    assert.equal(await next.exited(), 0, next.stderr);
  });

  it('leaves nothing after a failed start, and reports the reason', async () => {
    const server = createServer().listen(0, 'localhost');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const { program, mesh } = up('--grpc', `localhost:${port}`);
    await using _ = program;
    assert.equal(await program.exited(), 2);
    server.close();
    assert.match(
      program.stderr,
      new RegExp(`port ${port} for gateway is taken: choose another first port with --grpc`),
    );
    assert.ok(!existsSync(`/run/meshmock/${mesh}`));
  });

  it('reports everything that the machine lacks, and how to get it', async () => {
    // The folders of the system's own programs count too, whatever PATH is, so they are hidden.
    const hide = 'for folder in /usr/local/sbin /usr/sbin /sbin; do mount -t tmpfs tmpfs $folder; done';
    const command = `unshare --mount bash -c '${hide}; PATH=/nowhere exec "$@"' bash ${programNode} ${main} istio up`;
    const { code, stderr } = await runShell(command);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /lacks ip, iptables-restore, nsenter.*apt-get install iproute2 iptables/);
  });

  it('reports that no mesh is up', async () => {
    await using program = startProgram(['istio', 'apply', '--mesh', 'nobody', '-f', 'istio/demo/ingress.yaml']);
    assert.equal(await program.exited(), 2);
    assert.match(program.stderr, /the mesh "nobody" is not up: start it with `meshmock istio up --mesh nobody`/);
  });
});

describe('the option --namespace', () => {
  const apply = async (mesh: string, ...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await runProgram(
      ['istio', 'apply', '-f', '-', '--mesh', mesh, ...args],
      virtualService(routeTo('gateway'), 'gateway'),
    );
    assert.equal(code, 0, stderr);
    return stdout;
  };

  it('sets the namespace of objects without one, at the start and later', async () => {
    const { program, mesh } = up('--namespace', 'shop');
    await using _ = program;
    await program.printed(/gateway\.shop +http[\s\S]*Ctrl-C/);
    assert.match(await apply(mesh), /created/);
    assert.match(await apply(mesh, '--namespace', 'shop'), /unchanged/, 'the namespace from the start');
    const { stderr } = await runProgram(
      ['istio', 'apply', '-f', '-', '--mesh', mesh],
      virtualService('route: [{ destination: { host: gateway, subset: v9 } }]', 'gateway'),
    );
    const place = /^warning: standard input:\d+:\d+: virtualservice\S+: no DestinationRule defines the subset v9 /m;
    assert.match(stderr, place);
    assert.match(await apply(mesh, '-n', 'other'), /created/);
  });
});

describe('apply', () => {
  const yaml = (text: string) => ({ name: 'test.yaml', text });
  const service = (host: string, timeout = '1s') =>
    yaml(`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: timeout
spec:
  hosts: [${host}]
  http:
    - timeout: ${timeout}
      route: [{ destination: { host: ${host} } }]
`);

  it('refuses invalid objects as a cluster does, with file, line and column, and changes nothing', async () => {
    await using mesh = await startLocalMesh(demo);
    await assert.rejects(
      mesh.apply(yaml(service('service1').text.replace('timeout: 1s', 'timout: 1s'))),
      /test\.yaml:8:7: virtualservice\.networking\.istio\.io\/timeout: spec\.http\[0\]\.timout: unknown field "timout"; did you mean "timeout"\?/,
    );
    await assert.rejects(
      mesh.apply(service('service1'), service('service2', '-1s')),
      /test\.yaml:\d+:\d+: virtualservice\S+: .*duration (?:must be )?greater than 1ms/,
    );
    await assert.rejects(
      mesh.apply(yaml('apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: { port: 80 }')),
      /test\.yaml:4:9: service\/a: spec\.port: unknown field "port"/,
    );
    await assert.rejects(mesh.apply(yaml('kind: Service')), /test\.yaml:1:1: expected a Kubernetes object/);
    await assert.rejects(mesh.apply(yaml('a: [')), /test\.yaml:\d:\d+: invalid YAML/);
    const { objects } = await mesh.delete(service('service1'));
    assert.deepEqual(objects, [{ title: 'virtualservice.networking.istio.io/timeout', change: 'not found' }]);
  });

  it('starts and ends pods when workloads are created, changed and deleted', async () => {
    await using mesh = await startLocalMesh(demo);
    const workload = (replicas: number, version: string) =>
      yaml(`apiVersion: v1
kind: Service
metadata: { name: late }
spec: { selector: { app: late }, ports: [{ name: http, port: 7000 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: late }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: late } }
  template:
    metadata: { labels: { app: late, version: ${version} } }
    spec: { containers: [{ name: c, image: anything, volumeMounts: [{ name: data, mountPath: /data }] }], volumes: [{ name: data }], initContainers: [{ name: fetch, image: anything }] }
`);
    const pods = async (): Promise<Record<string, number>> => {
      const url = `http://${mesh.http('gateway')}/@late*60/x`;
      const { calls } = (await (await fetch(url)).json()) as {
        calls: { summary: { byPod: Record<string, number> } }[];
      };
      return calls[0]?.summary.byPod ?? {};
    };
    const { leftOut } = await mesh.apply(workload(2, 'v1'));
    assert.deepEqual(leftOut, ['deployment.apps/late: init container fetch']);
    assert.equal(Object.keys(await pods()).length, 2);
    const before = Object.keys(await pods());
    await mesh.apply(workload(1, 'v2'));
    const after = Object.keys(await pods());
    assert.equal(after.length, 1);
    assert.ok(!before.includes(after[0] as string));
    const portsOfLate = (): number[] =>
      mesh.host.ports.filter(({ entry }) => entry.name === 'late').map(({ port }) => port);
    const ports = portsOfLate();
    assert.equal(ports.length, 2);
    await mesh.delete(workload(1, 'v2'));
    assert.match(await text(`http://${mesh.http('gateway')}/@late/x`), /late:8080 +dns/);
    assert.deepEqual(portsOfLate(), []);
    await mesh.apply(workload(1, 'v2'));
    assert.deepEqual(portsOfLate(), ports);
  });

  it('returns when the change is in effect', async () => {
    await using mesh = await startLocalMesh(demo);
    const call = async (): Promise<string> => text(`http://${mesh.http('gateway')}/@service2/~delay=700ms/x`);
    for (let round = 0; round < 5; round++) {
      await mesh.apply(service('service2', '0.2s'));
      assert.match(await call(), /504 .* refused by the proxy: timeout/);
      await mesh.delete(service('service2'));
      assert.match(await call(), /service2 v\d .* 200/);
    }
    const deny = yaml(`apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: deny }
spec:
  selector: { matchLabels: { app: service2 } }
  action: DENY
  rules: [{ from: [{ source: { principals: [cluster.local/ns/default/sa/gateway] } }] }]
`);
    for (let round = 0; round < 3; round++) {
      await mesh.apply(deny);
      assert.match(await call(), /403 .* refused by the proxy: rbac_denied/);
      await mesh.delete(deny);
      assert.match(await call(), /service2 v\d .* 200/);
    }
  });

  it('reports a pod that cannot start, or configuration that Envoy rejects, and reverts the change', async () => {
    const timeout = (value: string) => virtualService(`timeout: ${value}, ${routeTo()}`);
    await using mesh = await startLocalMesh([demoWorkloads, yaml(timeout('5s'))]);
    const hopeless = workload('hopeless', {
      annotations: { 'proxy.istio.io/config': 'proxyBootstrapTemplatePath: /nowhere' },
    });
    const rejected = `apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: rejected }
spec:
  workloadSelector: { labels: { app: service4 } }
  configPatches:
    - applyTo: HTTP_FILTER
      match:
        context: SIDECAR_INBOUND
        listener: { filterChain: { filter: { name: envoy.filters.network.http_connection_manager } } }
      patch:
        operation: INSERT_BEFORE
        value:
          name: envoy.filters.http.fault
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault
            abort: { http_status: 7, percentage: { numerator: 100 } }
`;
    const call = (path: string): Promise<string> => text(`http://${mesh.http('gateway')}${path}`);
    for (const [wrong, problem] of [
      [hopeless, /the proxy of pod hopeless-\S+ ended/],
      [rejected, /Envoy rejects the configuration, so it is not applied:\n\S*service4/],
    ] as const) {
      await assert.rejects(mesh.apply(yaml(`${wrong}---\n${timeout('0.2s')}`)), problem);
      assert.match(await call('/@service4/~delay=400ms/x'), / service4 v1 .* 200/);
      const { objects } = await mesh.delete(yaml(wrong));
      assert.ok(objects.every(({ change }) => change === 'not found'));
      assert.deepEqual(
        (await mesh.apply(yaml(timeout('5s')))).objects.map(({ change }) => change),
        ['unchanged'],
      );
    }
  });
});
