import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { installTools } from '../../../src/istio/tools.ts';
import { refusalRows } from '../../../src/reply/proxy-refusal-rows.ts';
import type { CallResult } from '../../../src/reply/reply.ts';
import { refusalReasons } from '../../../src/reply/reply.ts';
import { runProgram } from '../../program.ts';
import { callHttp } from '../../running-mesh.ts';
import { startForeign } from '../foreign.ts';
import { demoWorkloads, startTestMesh, type TestMesh } from '../local-mesh.ts';
import { others, routeTo, virtualService, workload } from '../manifests.ts';
import { type RefusalCase, refusalCases } from './refusal-cases.ts';

const protocols = ['http', 'grpc'] as const;
type Protocol = (typeof protocols)[number];

/** Rows that nothing here provokes, with the reason. */
const notProvoked: Readonly<Record<string, string>> = {};

const overloaded = { row: 'overload manager', reason: 'overflow' } as const;

suite('what proxies of a real mesh refuse', { timeout: 600_000 }, () => {
  let bed: TestMesh;
  let foreign: AsyncDisposable;
  const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-refusals-'));
  // Envoy reads from it as its own user.
  chmodSync(folder, 0o755);
  before(async () => {
    bed = await startTestMesh([demoWorkloads, 'istio/demo/ingress.yaml', { name: 'others', text: others }]);
    foreign = await startForeign();
  });
  after(async () => {
    rmSync(folder, { recursive: true });
    await foreign?.[Symbol.asyncDispose]();
    await bed?.[Symbol.asyncDispose]();
  });

  /** Makes a service call, and gives the last of its calls; of a repeated one the first that failed. */
  async function callFrom(caller: string, protocol: Protocol, call: string): Promise<CallResult> {
    const [, port] = bed.http(caller).split(':');
    const { calls = [], error } = await callHttp(Number(port), `/@${protocol === 'http' ? '' : 'grpc:'}${call}`);
    assert.equal(error, undefined);
    const last = calls.at(-1);
    const samples = last?.summary?.samples ?? [];
    const made = samples.find(({ is }) => is.includes('first_failed')) ?? samples[0];
    const result = made?.call ?? last;
    assert.ok(result !== undefined);
    return result;
  }

  async function during<T>(manifest: string, action: () => Promise<T>): Promise<T> {
    await bed.apply({ name: 'case', text: manifest });
    try {
      return await action();
    } finally {
      await bed.delete({ name: 'case', text: manifest });
    }
  }

  async function refusedAsSaid({ row, grpcRow = row, reason, status, call = 'service4/x', from, by }: RefusalCase) {
    await Promise.all(
      protocols.map(async (protocol) => {
        const path = typeof call === 'string' ? call : call[protocol];
        const { answeredBy, mesh, body, ...seen } = await callFrom(from ?? 'gateway', protocol, path);
        const { refusal } = mesh ?? {};
        const rows = refusalRows.filter(({ explanation }) => refusal?.explanation.startsWith(`${explanation} `));
        assert.deepEqual(
          {
            ...{ answeredBy, reason: refusal?.reason, rows: rows.map(({ name }) => name) },
            ...{ status: seen.status, grpcStatus: seen.grpcStatus },
          },
          {
            ...{ answeredBy: 'proxy', reason, rows: [protocol === 'http' ? row : grpcRow].filter((name) => name) },
            ...(protocol === 'http'
              ? { status: status[0], grpcStatus: undefined }
              : { status: status[1], grpcStatus: status[2] }),
          },
          `${protocol}: ${JSON.stringify({ ...seen, mesh, body })}`,
        );
        const sayer =
          by === undefined ? /in Istio, the caller's own sidecar\.$/ : /Said by a proxy after the first one/;
        assert.match(refusal?.explanation ?? '', sayer);
      }),
    );
  }

  test('every row of the table is provoked, and every reason', () => {
    const provoked = [...refusalCases.flatMap(({ row, grpcRow }) => [row, grpcRow]), overloaded.row];
    const rows = [...provoked.filter((row) => row !== undefined), ...Object.keys(notProvoked)];
    assert.deepEqual(new Set(rows), new Set(refusalRows.map(({ name }) => name)));
    assert.deepEqual(new Set(refusalCases.map(({ reason }) => reason)), new Set(refusalReasons));
  });

  for (const refusalCase of refusalCases) {
    const { name, manifest, reason, from = 'gateway', call = 'service4/x' } = refusalCase;
    test(`${name}: ${reason}`, async () => {
      await Promise.all(
        protocols.map(async (protocol) => {
          const { answeredBy } = await callFrom(from, protocol, typeof call === 'string' ? call : call[protocol]);
          assert.notEqual(answeredBy, 'proxy', 'refused before anything was applied');
        }),
      );
      await during(manifest, () => refusedAsSaid(refusalCase));
    });
  }

  test(`a proxy that is overloaded itself: ${overloaded.reason}`, async () => {
    // It is the bootstrap that says when: a pod may have its own.
    const own = path.join(folder, 'bootstrap.json');
    writeFileSync(own, await overloadedBootstrap());
    const annotations = { 'proxy.istio.io/config': `proxyBootstrapTemplatePath: ${own}` };
    await during(workload('tired', { annotations }), () =>
      refusedAsSaid({
        ...{ name: '', manifest: '', call: 'tired/x', by: 'callee', ...overloaded },
        status: [503, 503, 'UNAVAILABLE'],
      }),
    );
  });

  const ownAnswers = [
    '~status=503',
    '~status=404',
    '~body=no%20healthy%20upstream/~status=503',
    '~body=fault%20filter%20abort/~status=503',
    '~body=RBAC%3A%20access%20denied/~status=403',
    '~body=upstream%20request%20timeout/~status=504',
    '~header[server=istio-envoy]/~status=503',
    '~header[x-envoy-overloaded=true]/~status=503',
    '~header[x-envoy-ratelimited=true]/~status=429',
    '~grpc-status=UNAVAILABLE',
  ];
  const wanderers = [
    ['through two sidecars', 'gateway', 'service4'],
    ['to a pod without a sidecar', 'gateway', 'legacy'],
    ['from a pod without a sidecar', 'legacy', 'service4'],
  ] as const;
  for (const [way, from, to] of wanderers) {
    test(`a service's own answer ${way} is the service's`, async () => {
      for (const protocol of protocols) {
        for (const directives of ownAnswers) {
          const { answeredBy, mesh } = await callFrom(from, protocol, `${to}/${directives}/x`);
          assert.deepEqual([answeredBy, mesh?.refusal], ['service', undefined], `${protocol} ${directives}`);
        }
      }
    });
  }

  test("a service's own 503 after a sidecar's retries is the service's, and faults beside it are the proxy's", async () => {
    const retries = 'retries: { attempts: 2, retryOn: "5xx,unavailable" }';
    await during(virtualService(`${retries}, ${routeTo()}`), async () => {
      for (const protocol of protocols) {
        const { answeredBy, reply } = await callFrom('gateway', protocol, 'service4/~status=503/x');
        assert.deepEqual([answeredBy, reply?.status, reply?.mesh?.attempt], ['service', 503, 3]);
      }
    });
    // Istio's own retries would hide a 503 over gRPC.
    const fault = 'retries: { attempts: 0 }, fault: { abort: { httpStatus: 503, percentage: { value: 50 } } }';
    await during(virtualService(`${fault}, ${routeTo()}`), async () => {
      const [, port] = bed.http('gateway').split(':');
      for (const scheme of ['', 'grpc:']) {
        const { calls } = await callHttp(Number(port), `/@${scheme}service4*60/~status=503:1in2/x`);
        const { byAnswer = {}, byRefusal, byStatus = {}, byVersion } = calls?.[0]?.summary ?? {};
        const { proxy = 0, service = 0 } = byAnswer;
        // Of 60 with an even chance, fewer than 10 or more than 50 are one in ten million.
        assert.ok(proxy > 10 && proxy < 50, JSON.stringify(byAnswer));
        assert.deepEqual([proxy + service, byRefusal, byVersion], [60, { fault: proxy }, { v1: service }]);
        // One of two requests that arrived, give or take the one that an earlier round left.
        assert.ok(Math.abs((byStatus['503'] ?? 0) - proxy - service / 2) <= 1, JSON.stringify(byStatus));
      }
    });
  });

  const foreignAnswers = [
    '[answer-status=503]',
    '[answer-status=503][answer-text=down%20for%20today]',
    '[answer-status=404]',
    '[answer-status=404][answer-text=no%20route]',
    '[answer-status=403][answer-text=access%20denied]',
    '[answer-status=500]',
    '[answer-status=502]',
    '[answer-status=429][answer-text=slow%20down]',
    '[answer-status=504][answer-text=stream%20timeout]',
    '[answer-status=503][answer-header=server:istio-envoy]',
  ];
  test('the answers of a server that is no meshmock are foreign', async () => {
    for (const answer of foreignAnswers) {
      const { answeredBy, mesh } = await callFrom('gateway', 'http', `foreign.test${answer}/x`);
      assert.deepEqual([answeredBy, mesh?.proxy, mesh?.refusal], ['foreign', 'envoy', undefined], answer);
    }
    for (const code of [2, 7, 12, 13, 14]) {
      for (const text of ['', '[answer-text=come%20back%20later]']) {
        const { answeredBy, mesh } = await callFrom('gateway', 'grpc', `foreign.test[answer-status=${code}]${text}/x`);
        assert.deepEqual([answeredBy, mesh?.proxy, mesh?.refusal], ['foreign', 'envoy', undefined], `${code} ${text}`);
      }
    }
  });

  test("a server that is no meshmock and speaks in Envoy's words is taken for it", async () => {
    const call = 'foreign.test[answer-status=503][answer-text=no%20healthy%20upstream]/x';
    const { answeredBy, mesh } = await callFrom('gateway', 'http', call);
    assert.deepEqual([answeredBy, mesh?.refusal?.reason], ['proxy', 'no_healthy_upstream']);
  });

  const atTheGateway = (http: string, hosts = '"*"'): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ingress }
spec: { hosts: [${hosts}], gateways: [ingress], http: [{ ${http} }] }`;
  const toGateway = 'route: [{ destination: { host: gateway, port: { number: 8080 } } }]';
  const ingresses: readonly (readonly [name: string, manifest: string, reason: string])[] = [
    ['a path that nothing routes', atTheGateway(`match: [{ uri: { prefix: /only } }], ${toGateway}`), 'no_route'],
    ['a host that nothing routes', atTheGateway(toGateway, 'other.test'), 'no_route'],
    [
      'an injected fault',
      atTheGateway(`fault: { abort: { httpStatus: 418, percentage: { value: 100 } } }, ${toGateway}`),
      'fault',
    ],
    [
      'a subset that nobody defines',
      atTheGateway('route: [{ destination: { host: gateway, subset: v9 } }]'),
      'no_route',
    ],
    [
      'a policy',
      `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ingress, namespace: istio-system }
spec: { selector: { matchLabels: { istio: ingressgateway } }, action: DENY, rules: [{}] }`,
      'rbac_denied',
    ],
  ];
  for (const [name, manifest, reason] of ingresses) {
    test(`meshmock call sees what the ingress gateway refuses: ${name}`, async () => {
      await bed.apply({ name: 'case', text: manifest });
      try {
        for (const scheme of ['', 'grpc:']) {
          const call = ['call', `${scheme}shop.test:80/x`, '--connect-to', `shop.test:80:${bed.gateway(80)}`];
          const expected = ['--expect', `refusal = ${reason}`, '--expect', 'answered-by = proxy'];
          const { code, stdout, stderr } = await runProgram([...call, ...expected]);
          assert.equal(code, 0, `${scheme} ${stdout}${stderr}`);
          assert.match(stdout, /Said by the first proxy on the way: a gateway, a waypoint or the callee's sidecar\./);
        }
      } finally {
        await bed.delete({ name: 'case', text: manifest });
        await bed.apply('istio/demo/ingress.yaml');
      }
      const { code, stdout } = await runProgram(['call', `${bed.gateway(80)}/x`, '--expect', 'answered-by = service']);
      assert.equal(code, 0, stdout);
    });
  }
});

/** Istio's bootstrap, with an overload manager to whom any memory is too much. */
async function overloadedBootstrap(): Promise<string> {
  const { istio } = await installTools(['istio'], new AbortController().signal);
  const name = 'envoy.resource_monitors.fixed_heap';
  const type = 'type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig';
  const manager = {
    refresh_interval: '0.1s',
    resource_monitors: [{ name, typed_config: { '@type': type, max_heap_size_bytes: 1024 } }],
    actions: [
      { name: 'envoy.overload_actions.stop_accepting_requests', triggers: [{ name, threshold: { value: 0.5 } }] },
    ],
  };
  const template = readFileSync(path.join(istio, 'envoy_bootstrap.json'), 'utf8');
  // Of two fields of one name the last counts.
  return template.replace(/\}\s*$/, `, "overload_manager": ${JSON.stringify(manager)} }`);
}
