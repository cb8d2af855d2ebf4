/** `meshmock test` on local meshes: results of cases, untested parts, and a clean end. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Program, startProgram } from '../program.ts';
import { descendantsOf } from './descendants.ts';
import { demoWorkloads } from './local-mesh.ts';
import { authorization } from './manifests.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'meshmock-cases-'));
  await write('mesh.yaml', demoWorkloads.text);
  // A Service without pods: no request can begin there.
  await write(
    'idle.yaml',
    'apiVersion: v1\nkind: Service\nmetadata: {name: nobody}\nspec: {selector: {app: nobody}, ports: [{name: http, port: 80}]}\n',
  );
});
after(() => rm(folder, { recursive: true }));

const jason = path.resolve('istio/examples/jason-gets-v2.yaml');

async function write(name: string, text: string): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, text);
  return file;
}

function startTest(...args: readonly string[]): Program {
  return startProgram(['test', ...args]);
}

/** Returns the names of a program's meshes that have a folder. */
function meshesOf({ child }: Program): string[] {
  const names = existsSync('/run/meshmock') ? readdirSync('/run/meshmock') : [];
  return names.filter((name) => new RegExp(`^test-${child.pid}(?:-\\d+)?$`).test(name)).sort();
}

async function assertEnded(pids: readonly number[]): Promise<void> {
  for (let tries = 0; tries < 600 && pids.some((pid) => existsSync(`/proc/${pid}`)); tries++) await sleep(50);
  assert.deepEqual(
    pids.filter((pid) => existsSync(`/proc/${pid}`)),
    [],
  );
}

async function assertNothingLeft(program: Program, pids: readonly number[]): Promise<void> {
  await assertEnded(pids);
  assert.deepEqual(meshesOf(program), []);
}

interface Shown {
  readonly file: string;
  readonly problem?: string;
  readonly cases: readonly {
    readonly name: string;
    readonly step?: string;
    readonly hasToHold?: boolean;
    readonly outcome: string;
    readonly problem?: string;
    readonly call?: { readonly reply?: { readonly pod: string } };
  }[];
  readonly untested?: readonly { readonly object: string; readonly part: string; readonly where: string }[];
  readonly unknown?: readonly { readonly object: string; readonly part: string; readonly reason: string }[];
}

async function results(...args: readonly string[]): Promise<{ code: number | null; files: readonly Shown[] }> {
  await using program = startTest(...args, '--json');
  const code = await program.exited();
  assert.equal(code === 0 || code === 1, true, program.stderr);
  await assertNothingLeft(program, []);
  return { code, files: (JSON.parse(program.stdout) as { files: Shown[] }).files };
}

/** Returns the manifests of a service and its mock. */
const serviceAndMock = (name: string, namespace: string): string => `apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: ${namespace}}
spec: {selector: {app: ${name}}, ports: [{name: http, port: 8080}, {name: grpc, port: 9090}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}-v1, namespace: ${namespace}}
spec:
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}, version: v1}}
    spec: {containers: [{name: c, image: meshmock}]}
`;

/** A Gateway at a port that gateways do not have by default. */
const front = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 8181, name: http, protocol: HTTP}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: front}
spec:
  hosts: [shop.test]
  gateways: [front]
  http:
    - match: [{headers: {content-type: {prefix: application/grpc}}}]
      route: [{destination: {host: b, port: {number: 9090}}}]
    - route: [{destination: {host: b, port: {number: 8080}}}]
`;

const outcomes = ({ cases }: Shown): string[] => cases.map(({ name, outcome }) => `${name}: ${outcome}`);

describe('meshmock test', () => {
  it('continues in another mesh when one dies during a case, and reports all results', async () => {
    const file = (name: string, plan: string) =>
      write(
        name,
        `manifests: [mesh.yaml]\ncases: [{name: ${name}, call: ${plan}, timeout: 20s, expect: service2 status = 200}]\n`,
      );
    const files = [
      await file('slow.test.yaml', '/@service2/~delay=14s/x'),
      await file('next.test.yaml', '/@service2/x'),
    ];
    await using program = startTest(...files);
    const signal = AbortSignal.timeout(120_000);
    while (!/slow.*0 of 1/.test(program.stderr)) await sleep(50, undefined, { signal });
    // Its first child process is the mesh.
    const [mesh = 0] = descendantsOf(program.child.pid ?? 0);
    process.kill(mesh, 'SIGKILL');
    assert.equal(await program.exited(), 3);
    assert.match(program.stdout, /FAIL {2}slow[\s\S]*pass {2}next[\s\S]*1 passed, 1 failed/);
    await assertNothingLeft(program, []);
  });

  it('runs several files in one mesh: contrasts, faults of workloads, refused manifests', async () => {
    const contrast = await write(
      'contrast.test.yaml',
      `manifests: [mesh.yaml]
apply: [${jason}]
before:
  - {name: jason gets both, call: "/@service2*30[end-user=jason]/x", expect: [service2 version v1 > 0%, service2 version v2 > 0%]}
cases:
  - {name: jason gets v2, call: "/@service2*20[end-user=jason]/x", expect: service2 version v2 = 100%}
  - {name: others get v1, call: "/@service2*20/x", expect: service2 version v1 = 100%}
always:
  - {name: service2 answers, call: /@service2/x, expect: service2 status = 200}
`,
    );
    const sick = await write(
      'sick.test.yaml',
      `manifests: [mesh.yaml, idle.yaml]
cases:
  - {name: sick v2, call: "/@service2*20/x", given: {service2: /~status=503:version=v2}, expect: [service2 status 503 > 0%, service2 status 200 > 0%]}
  - {name: wrong of it, call: /@service3/x, given: {service3: /~status=503}, expect: service3 status = 200}
  - {name: well again, call: "/@service2*20|service3*20/x", expect: [service2 status = 200, service3 status = 200]}
  - {name: service4 down, call: /@service4/x, given: {service4-v1: down}, expect: [service4 status = 503, service4 refusal = no_healthy_upstream]}
  - {name: wrong of that, call: /@service4/x, given: {service4-v1: down}, expect: service4 status = 200}
  - {name: service4 up again, call: "/@service4*10/x", expect: service4 status = 200}
  - {name: no such service, call: /@service4/x, given: {nobody: /~delay=1s}, expect: service4 status = 200}
  - {name: no such start, from: nobody, call: /@service4/x, expect: service4 status = 200}
`,
    );
    await write('denied.yaml', `# denied\n${authorization('action: ALLOW, rules: [{ from: [{}] }]').trimStart()}`);
    const simple = (name: string, apply: string) =>
      write(
        `${name}.test.yaml`,
        `manifests: [mesh.yaml]\napply: [${apply}]\ncases:\n  - {name: ${name}, call: /@service1/x, expect: service1 status = 200}\n`,
      );
    const denied = await simple('denied', 'denied.yaml');
    const good = await simple('good', jason);
    assert.equal((await results(contrast, '--contrast', '--fail-untested')).code, 0);
    const { code, files } = await results(contrast, sick, denied, good, '--contrast');
    assert.equal(code, 1);
    const [ofContrast, ofSick, ofDenied, ofGood] = files as [Shown, Shown, Shown, Shown];
    assert.deepEqual(
      ofContrast.cases.map(({ step, name, hasToHold, outcome }) => [step, name, hasToHold, outcome].join()),
      [
        'before the change,jason gets both,true,passed',
        'before the change,service2 answers,true,passed',
        'before the change,jason gets v2,false,passed',
        'before the change,others get v1,false,passed',
        'with the change,jason gets v2,true,passed',
        'with the change,others get v1,true,passed',
        'with the change,service2 answers,true,passed',
        'with the change,jason gets both,false,passed',
        'without the change again,jason gets both,true,passed',
        'without the change again,service2 answers,true,passed',
      ],
    );
    assert.deepEqual([ofContrast.untested, ofContrast.unknown], [[], []]);
    assert.deepEqual(outcomes(ofSick), [
      'sick v2: passed',
      'wrong of it: failed',
      'well again: passed',
      'service4 down: passed',
      'wrong of that: failed',
      'service4 up again: passed',
      'no such service: refused',
      'no such start: refused',
    ]);
    const problems = ofSick.cases.slice(-2).map(({ problem }) => problem);
    assert.match(problems[0] ?? '', /nobody/);
    assert.match(
      problems[1] ?? '',
      /no Service nobody has a pod that takes requests over http: expected one of gateway, /,
    );
    const withChange = ({ cases }: Shown) => cases.find(({ step }) => step === 'with the change');
    assert.match(ofDenied.problem ?? '', /\/denied\.yaml:\d+:\d+: authorizationpolicy\S+ .*istiod denies it/);
    assert.deepEqual(
      ofDenied.cases.map(({ step, outcome }) => `${step}: ${outcome}`),
      // The case must fail in this phase, and passes.
      ['before the change: failed', 'with the change: not_run'],
    );
    assert.equal(withChange(ofGood)?.outcome, 'passed');
    const podOf = (shown: Shown) => shown.cases.find(({ call }) => call?.reply !== undefined)?.call?.reply?.pod;
    assert.match(podOf(ofContrast) ?? '', /^gateway-v1-/);
    assert.equal(podOf(ofGood), podOf(ofContrast));
  });

  it('reports the routes, subsets and rules that no case covers', async () => {
    await write(
      'parts.yaml',
      `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: service2}
spec:
  hosts: [service2]
  http:
    - name: abort
      match: [{headers: {a: {exact: abort}}}]
      fault: {abort: {percentage: {value: 100}, httpStatus: 418}}
      route: [{destination: {host: service2, subset: v2}}]
    - match: [{uri: {prefix: /direct}}, {uri: {prefix: /straight}}]
      directResponse: {status: 202}
    - match: [{uri: {prefix: /redirect}}]
      redirect: {uri: /elsewhere}
    - match: [{uri: {prefix: /never}}]
      route: [{destination: {host: service2, subset: v3}}]
    - route: [{destination: {host: service2, subset: v1}}]
      mirror: {host: service2, subset: mirrored}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: service2}
spec:
  host: service2
  subsets:
    - {name: v1, labels: {version: v1}}
    - {name: v2, labels: {version: v2}}
    - {name: v3, labels: {version: v2}}
    - {name: mirrored, labels: {version: v2}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: allow}
spec:
  selector: {matchLabels: {app: service3}}
  rules:
    - from: [{source: {principals: [cluster.local/ns/default/sa/service2]}}]
    - to: [{operation: {methods: [POST], ports: ["8080"]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny}
spec:
  selector: {matchLabels: {app: service3}}
  action: DENY
  rules:
    - to: [{operation: {paths: [/no], ports: ["8080"]}}]
    - to: [{operation: {paths: [/neither], ports: ["8080"]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: watch}
spec:
  selector: {matchLabels: {app: service3}}
  action: AUDIT
  rules: [{to: [{operation: {methods: [GET]}}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: service4}
spec:
  parentRefs: [{group: "", kind: Service, name: service4}]
  rules:
    - matches: [{path: {value: /one}}, {path: {value: /two}}]
      backendRefs: [{name: service4, port: 8080}]
    - backendRefs: [{name: service4, port: 8080}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: service4}
spec:
  parentRefs: [{group: "", kind: Service, name: service4}]
  rules: [{backendRefs: [{name: service4, port: 9090}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: service1}
spec:
  hosts: [service1]
  http:
    - {match: [{headers: {a: {exact: x}}}, {headers: {a: {exact: "y"}}}], delegate: {name: x}}
    - {match: [{headers: {a: {exact: z}}}], delegate: {name: z}}
    - route: [{destination: {host: service1, subset: v1}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: x}
spec: {http: [{name: same, route: [{destination: {host: service1}}]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: z}
spec: {http: [{name: same, route: [{destination: {host: service1}}]}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: service1}
spec: {host: service1, subsets: [{name: v1, labels: {version: v1}}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: all}
spec: {host: "*.svc.cluster.local", subsets: [{name: v1, labels: {version: v1}}]}
`,
    );
    const first = await write(
      'first.test.yaml',
      `manifests: [first.yaml]
fill: true
cases:
  - {name: first, call: /x, expect: status = 200}
  - {name: made, call: /x, from: istio-ingressgateway.istio-system, host: a.test, expect: made status = 200}
`,
    );
    await write(
      'first.yaml',
      `apiVersion: v1
kind: Service
metadata: {name: first}
spec: {selector: {app: first}, ports: [{port: 8080}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: first}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: first}
spec: {hosts: [a.test], gateways: [first], http: [{route: [{destination: {host: made}}]}]}
`,
    );
    const file = await write(
      'parts.test.yaml',
      `manifests: [mesh.yaml, parts.yaml, idle.yaml]
cases:
  - {name: plain, call: /@service2/x, expect: service2 version = v1}
  - {name: abort, call: "/@service2[a=abort]/x", expect: service2 status = 418}
  - {name: straight, call: /@service2/straight, expect: service2 status = 202}
  - {name: redirect, call: /@service2/redirect, expect: service2 status = 301}
  - {name: may, from: service2, call: /@service3/x, expect: service3 status = 200}
  - {name: gateway api, call: /@service4/one, expect: service4 status = 200}
  - {name: denied, from: service2, call: /@service3/no, expect: service3 status = 403}
  - {name: delegated, call: "/@service1[a=y]/x", expect: service1 status = 200}
  - {name: nobody there, call: /@service1/x, given: {service1-v1: down}, expect: service1 status = 503}
  - {name: gone, from: service2, call: /@service3/x, given: {service3-v1: down, service3-v2: down}, expect: service3 status = 503}
  - {name: not sent, from: nobody, call: /x, expect: status = 200}
`,
    );
    // Without `from`, the request goes to the first service of the second file, and not of the first file.
    const { code, files } = await results(first, file, '--fail-untested');
    assert.equal(code, 1, JSON.stringify(files));
    const [, shown] = files;
    assert.match(shown?.cases[0]?.call?.reply?.pod ?? '', /^gateway-/);
    assert.deepEqual(
      shown?.untested?.map(({ object, part, where }) => `${object}: ${part} ${path.basename(where)}`),
      [
        'VirtualService service2: route 2, match 1 parts.yaml:11:15',
        'VirtualService service2: route 4, to service2 v3 parts.yaml:15:7',
        'DestinationRule service2: subset v2 parts.yaml:27:7',
        'DestinationRule service2: subset v3 parts.yaml:28:7',
        'AuthorizationPolicy allow: rule 2 parts.yaml:38:7',
        'AuthorizationPolicy deny: rule 2 parts.yaml:48:7',
        'HTTPRoute service4: rule 1, match 2 parts.yaml:64:40',
        'HTTPRoute service4: rule 2 parts.yaml:66:7',
        'GRPCRoute service4: rule 1 parts.yaml:73:11',
        'VirtualService service1: route 1, match 1 parts.yaml:81:16',
        'VirtualService service1: route 2, delegated to z parts.yaml:82:7',
        'VirtualService z: route 1 (same), to service1 parts.yaml:93:15',
        'DestinationRule all: subset v1 parts.yaml:103:47',
      ],
    );
    assert.deepEqual(
      shown?.unknown?.map(({ object, part, reason }) => `${object}: ${part}: ${reason}`),
      ['AuthorizationPolicy watch: rule 1: proxies do not always log the matching rule of action AUDIT'],
    );
  });

  describe('in two meshes at the same time', () => {
    /** Writes files of all kinds, and returns their names: contrasts, failures, refused manifests, other namespaces. */
    async function manyFiles(): Promise<readonly string[]> {
      await write('refused.yaml', `# refused\n${authorization('action: ALLOW, rules: [{ from: [{}] }]').trimStart()}`);
      await write('shop.yaml', serviceAndMock('b', 'shop'));
      const always = '{name: answers, call: /@service1/x, expect: service1 status = 200}';
      const texts = [
        `manifests: [mesh.yaml]\napply: [${jason}]\ncases:\n  - {name: jason gets v2, call: "/@service2*20[end-user=jason]/x", expect: service2 version v2 = 100%}\nalways:\n  - ${always}\n`,
        `manifests: [mesh.yaml]\ncases:\n  - {name: wrong, call: /@service3/x, given: {service3: /~status=503}, expect: service3 status = 200}\n  - ${always}\n`,
        `manifests: [mesh.yaml]\napply: [refused.yaml]\nalways:\n  - ${always}\n`,
        'manifests: [shop.yaml]\nnamespace: shop\ncases:\n  - {name: answers, from: b, call: /x, expect: status = 200}\n',
        `manifests: [mesh.yaml, idle.yaml]\ncases:\n  - {name: no such start, from: nobody, call: /x, expect: status = 200}\n  - ${always}\n`,
      ];
      return Promise.all(texts.map((text, index) => write(`many-${index}.test.yaml`, text)));
    }

    it('has the results of a single mesh, in the same order', async () => {
      const files = await manyFiles();
      const junit = path.join(folder, 'many.xml');
      const runs = await Promise.all(
        ['1', '2'].map((meshes) =>
          results(...files, '--contrast', '--meshes', meshes, ...(meshes === '2' ? ['--junit', junit] : [])),
        ),
      );
      const [one, two] = runs.map(({ code, files: shown }) => ({
        code,
        files: shown.map(({ file, problem, cases, untested, unknown }) => {
          const outcomes = cases.map(({ step, name, outcome, problem: reason }) => ({ step, name, outcome, reason }));
          return { file, problem, outcomes, untested, unknown };
        }),
      }));
      assert.deepEqual(two, one);
      assert.deepEqual([one?.code, one?.files.map(({ file }) => file)], [1, files]);
      const suites = [...readFileSync(junit, 'utf8').matchAll(/<testsuite name="([^"]*)"/g)].map(([, name]) => name);
      assert.deepEqual(suites, files);
    });

    it('reports files one after another, and leaves nothing', async () => {
      const files = await manyFiles();
      await using program = startTest(...files, '--meshes', '2');
      const meshes = new Set<string>();
      const pids = new Set<number>();
      const exited = program.exited();
      for (let isRunning = true; isRunning; ) {
        isRunning = await Promise.race([exited.then(() => false), sleep(200, true)]);
        for (const name of meshesOf(program)) meshes.add(name);
        for (const pid of descendantsOf(program.child.pid ?? 0)) pids.add(pid);
      }
      assert.equal(await exited, 1, program.stderr);
      assert.deepEqual([...meshes], [`test-${program.child.pid}`, `test-${program.child.pid}-2`]);
      const shown = program.stdout.split('\n').filter((line) => line.endsWith('.test.yaml'));
      assert.deepEqual(shown, files);
      assert.match(program.stdout, /\n7 passed, 2 failed, 1 file refused, 1 not run in \d+\.\d s\n$/);
      await assertNothingLeft(program, [...pids]);
    });

    /** Starts two meshes with a slow case each, and waits until both cases run. */
    async function startSlow(): Promise<{ program: Program; pids: readonly number[] }> {
      const text =
        'manifests: [mesh.yaml]\ncases:\n  - {name: a, call: /~delay=10s/x, repeat: 20, expect: status = 200}\n';
      const files = await Promise.all(['slow-1', 'slow-2'].map((name) => write(`${name}.test.yaml`, text)));
      const program = startTest(...files, '--meshes', '2');
      const signal = AbortSignal.timeout(240_000);
      const areRunning = (): boolean =>
        [1, 2].every((n) => new RegExp(`slow-${n}\\.test\\.yaml: a: \\d+ of 20`).test(program.stderr));
      while (!areRunning()) await sleep(50, undefined, { signal });
      const pids = descendantsOf(program.child.pid ?? 0);
      assert.ok(pids.length > 40, `${pids.length} processes`);
      return { program, pids };
    }

    it('leaves nothing after Ctrl-C, and reports all files', async () => {
      const { program, pids } = await startSlow();
      await using _program = program;
      program.child.kill('SIGINT');
      assert.equal(await program.exited(), 1, program.stderr);
      assert.match(
        program.stdout,
        /^\S+slow-1\.test\.yaml\n\S+slow-2\.test\.yaml\n\n0 passed, 2 not run, stopped after \d+\.\d s\n$/,
      );
      await assertNothingLeft(program, pids);
    });

    it('leaves no process when it is killed', async () => {
      const { program, pids } = await startSlow();
      await using _program = program;
      program.child.kill('SIGKILL');
      await program.exited();
      await assertEnded(pids);
      // The next mesh removes the folders of killed ones.
      await results(
        await write('after.test.yaml', 'manifests: [mesh.yaml]\ncases: [{name: a, call: /x, expect: status = 200}]\n'),
      );
      assert.deepEqual(meshesOf(program), []);
    });

    it('a machine that cannot run meshes is one error, with exit code 2', async () => {
      const files = await manyFiles();
      const unable = await promisify(execFile)('setpriv', [
        ...['--bounding-set', '-sys_admin', process.execPath, path.resolve('dist/cli/main.js')],
        ...['test', ...files, '--meshes', '2'],
      ]).catch((error: { code: number; stderr: string }) => error);
      assert.ok('code' in unable && unable.code === 2);
      assert.equal(unable.stderr.match(/meshmock: /g)?.length, 1, unable.stderr);
    });
  });

  it('finds services by name and namespace, and gateways by port, over both protocols', async () => {
    const shop = await write(
      'shop.yaml',
      `apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
${serviceAndMock('b', 'default')}---
${serviceAndMock('b', 'shop')}`,
    );
    await write('front.yaml', front);
    const atFront = await write(
      'front.test.yaml',
      `manifests: [mesh.yaml, ${shop}]
apply: [front.yaml]
cases:
  - {name: at a port, from: "istio-ingressgateway.istio-system:8181", host: shop.test, call: /x, expect: status = 200}
  - {name: over gRPC, from: "istio-ingressgateway.istio-system:8181", over: grpc, host: shop.test, call: /x, expect: status = 200}
`,
    );
    const home = await write(
      'home.test.yaml',
      `manifests: [mesh.yaml, ${shop}]
cases:
  - {name: sick at home, call: /@b/x, given: {b: /~status=503}, expect: b status = 503}
  - {name: and not there, call: /@b.shop/x, given: {b: /~status=503}, expect: b status = 200}
  - {name: sick there, call: /@b.shop/x, given: {b.shop: /~status=503}, expect: b status = 503}
  - {name: and not at home, call: /@b/x, given: {b.shop: /~status=503}, expect: b status = 200}
  - {name: down there, call: /@b.shop/x, given: {b-v1.shop: down}, expect: b status = 503}
`,
    );
    const away = await write(
      'away.test.yaml',
      `manifests: [mesh.yaml, ${shop}]
namespace: shop
cases:
  - {name: begins at home, from: b, call: /x, given: {b: /~status=418}, expect: status = 418}
  - {name: or where it says, from: b.default, call: /x, given: {b: /~status=418}, expect: status = 200}
`,
    );
    const { code, files } = await results(atFront, home, away, '--contrast');
    const all = files.flatMap(({ cases }) => cases);
    assert.deepEqual(
      all.filter(({ outcome }) => outcome !== 'passed'),
      [],
    );
    assert.deepEqual([code, all.length], [0, 11]);
  });

  it('--watch shows the effect of an edited policy within a minute', async (t) => {
    const service = (version: string) =>
      readFileSync(jason, 'utf8').replace(/v2\n {4}- route/, `${version}\n    - route`);
    await write('route.yaml', service('v2'));
    await write(
      'policy.yaml',
      authorization('action: DENY, rules: [{ to: [{ operation: { paths: [/no], ports: ["8080"] } }] }]'),
    );
    const file = await write(
      'watched.test.yaml',
      `manifests: [mesh.yaml]
apply: [route.yaml, policy.yaml]
cases:
  - {name: jason, call: "/@service2*10[end-user=jason]/x", expect: service2 version v2 = 100%}
  - {name: no, call: "/@service4/no", expect: service4 status = 403}
`,
    );
    await using program = startTest(file, '--watch');
    const printed = async (pattern: RegExp, from: number, text = () => program.stdout): Promise<number> => {
      const startedAt = performance.now();
      while (!pattern.test(text().slice(from))) {
        assert.ok(performance.now() - startedAt < 60_000, program.stdout.slice(from) + program.stderr);
        await sleep(5);
      }
      return performance.now() - startedAt;
    };
    await printed(/2 passed/, 0);
    const took: number[] = [];
    const edit = async (name: string, text: string, pattern: RegExp): Promise<void> => {
      const from = program.stdout.length;
      await write(name, text);
      took.push(Math.round(await printed(pattern, from)));
      await printed(/\d+ passed.* in /, from);
    };
    await edit('route.yaml', service('v1'), /FAIL {2}jason[\s\S]*v1 ×10/);
    await edit('route.yaml', service('v2'), /pass {2}jason/);
    await edit(
      'policy.yaml',
      authorization('action: DENY, rules: [{ to: [{ operation: { paths: [/yes], ports: ["8080"] } }] }]'),
      /FAIL {2}no/,
    );
    await edit(
      'policy.yaml',
      authorization('action: DENY, rules: [{ to: [{ operation: { paths: [/no], ports: ["8080"] } }] }]'),
      /pass {2}no/,
    );
    await write('policy.yaml', 'kind: [');
    await printed(/policy\.yaml:1:7: invalid YAML/, 0, () => program.stderr);
    await edit(
      'policy.yaml',
      authorization('action: ALLOW, rules: [{ from: [{}] }]'),
      /FAIL .*\n.*policy\.yaml:\d+:\d+: .*istiod denies it[\s\S]*\n {4}not run {2}jason\n {4}not run {2}no\n[\s\S]*0 passed, 1 file refused, 2 not run in/,
    );
    t.diagnostic(`ms from the write to the result: ${took.join(', ')}`);
    const pids = descendantsOf(program.child.pid as number);
    assert.ok(pids.length > 20);
    program.child.kill('SIGINT');
    assert.equal(await program.exited(), 1);
    await assertNothingLeft(program, pids);
  });

  for (const afterMs of [0, 1500, 4000, 7000])
    it(`leaves nothing when it is interrupted ${afterMs} ms after it began`, async () => {
      const file = await write(
        'long.test.yaml',
        'manifests: [mesh.yaml]\ncases:\n  - {name: long, call: /~delay=14s/x, timeout: 20s, expect: status = 200}\n',
      );
      await using program = startTest(file);
      await program.printed(/long\.test\.yaml/);
      await sleep(afterMs);
      const pids = descendantsOf(program.child.pid as number);
      program.child.kill('SIGINT');
      assert.equal(await program.exited(), 1, program.stderr);
      assert.match(program.stdout, /long\.test\.yaml\n\n0 passed, 1 not run, stopped after \d+\.\d s\n$/);
      await assertNothingLeft(program, pids);
    });

  it('--keep leaves the mesh up until Ctrl-C', async () => {
    const file = await write(
      'kept.test.yaml',
      'manifests: [mesh.yaml]\ncases:\n  - {name: a, call: /x, expect: status = 418}\n',
    );
    await using program = startTest(file, '--keep');
    const [, again = ''] = await program.printed(
      /rerun {5}curl -g '?(\S+?)'? -H 'Accept: text\/plain'\n[\s\S]*1 failed/,
    );
    assert.equal((await fetch(`http://${again}`)).status, 200);
    const pids = descendantsOf(program.child.pid as number);
    program.child.kill('SIGTERM');
    assert.equal(await program.exited(), 1);
    await assertNothingLeft(program, pids);
  });

  it('--keep ends at once when the mesh refuses the manifests', async () => {
    await write('no.yaml', 'apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {prts: []}\n');
    const file = await write(
      'none.test.yaml',
      'manifests: [no.yaml]\ncases:\n  - {name: a, call: /x, expect: status = 200}\n',
    );
    await using program = startTest(file, '--keep');
    assert.equal(await program.exited(), 1);
    assert.match(program.stdout, /1 file refused, 1 not run in/);
  });

  it('an error of this machine ends the run, with exit code 2', async () => {
    const [one, two] = await Promise.all(
      ['one', 'two'].map((name) =>
        write(`${name}.test.yaml`, 'manifests: [mesh.yaml]\ncases:\n  - {name: a, call: /x, expect: status = 200}\n'),
      ),
    );
    const taken = createServer().listen(0, 'localhost');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    try {
      await using program = startTest(one ?? '', two ?? '', '--http', `localhost:${port}`);
      assert.equal(await program.exited(), 2);
      assert.match(program.stdout, /one\.test\.yaml\n\n0 passed, 2 not run, stopped after \d+\.\d s\n$/);
      assert.match(
        program.stderr,
        new RegExp(`^meshmock: port ${port} for \\S+ is taken: choose another first port with --http`, 'm'),
      );
      await assertNothingLeft(program, []);
    } finally {
      taken.close();
    }
    const unable = await promisify(execFile)('setpriv', [
      ...['--bounding-set', '-sys_admin', process.execPath, path.resolve('dist/cli/main.js')],
      ...['test', one ?? '', two ?? ''],
    ]).catch((error: { code: number; stderr: string }) => error);
    assert.ok('code' in unable && unable.code === 2);
    assert.match(unable.stderr, /Operation not permitted\nmeshmock: the mesh ended unexpectedly \(exit code 1\)\n$/);
  });
});
