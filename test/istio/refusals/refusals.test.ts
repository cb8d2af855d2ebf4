import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { installTools } from '../../../src/istio/tools/install-tools.ts';
import { refusalRows } from '../../../src/reply/proxy-refusal-rows.ts';
import type { CallResult } from '../../../src/reply/reply.ts';
import { refusalReasons } from '../../../src/reply/reply.ts';
import { runProgram } from '../../program.ts';
import { callHttp } from '../../running-mesh.ts';
import { startForeign } from '../foreign.ts';
import { demoWorkloads, type LocalMeshFixture, startLocalMesh } from '../local-mesh.ts';
import { others, routeTo, virtualService, workload } from '../manifests.ts';
import type { RefusalCase } from './refusal-case.ts';
import { refusalCases } from './refusal-cases.ts';

const protocols = ['http', 'grpc'] as const;
type Protocol = (typeof protocols)[number];

/** Rows of the table that no case covers, each with the reason. */
const notCovered: Readonly<Record<string, string>> = {};

const overloaded = { row: 'overload manager', reason: 'overflow' } as const;

suite('refusals by the proxies of a real mesh', { timeout: 600_000 }, () => {
  let mesh: LocalMeshFixture;
  let foreign: AsyncDisposable;
  const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-refusals-'));
  // Envoy reads files in this folder as its own user.
  chmodSync(folder, 0o755);
  before(async () => {
    mesh = await startLocalMesh([demoWorkloads, 'istio/demo/ingress.yaml', { name: 'others', text: others }]);
    foreign = await startForeign();
  });
  after(async () => {
    rmSync(folder, { recursive: true });
    await foreign?.[Symbol.asyncDispose]();
    await mesh?.[Symbol.asyncDispose]();
  });

  /** Has a service make calls, and returns the result of the last one; of a repeated call, the first failed result. */
  async function callFrom(caller: string, protocol: Protocol, call: string): Promise<CallResult> {
    const [, port] = mesh.http(caller).split(':');
    const { calls = [], error } = await callHttp(Number(port), `/@${protocol === 'http' ? '' : 'grpc:'}${call}`);
    assert.equal(error, undefined);
    const last = calls.at(-1);
    const samples = last?.summary?.samples ?? [];
    const sample = samples.find(({ is }) => is.includes('first_failed')) ?? samples[0];
    const result = sample?.call ?? last;
    assert.ok(result !== undefined);
    return result;
  }

  /** Runs an action while a manifest is applied. */
  async function during<T>(manifest: string, action: () => Promise<T>): Promise<T> {
    await mesh.apply({ name: 'case', text: manifest });
    try {
      return await action();
    } finally {
      await mesh.delete({ name: 'case', text: manifest });
    }
  }

  async function assertRefused({ row, grpcRow = row, reason, status, call = 'service4/x', from, by }: RefusalCase) {
    await Promise.all(
      protocols.map(async (protocol) => {
        const path = typeof call === 'string' ? call : call[protocol];
        const { answeredBy, mesh: evidence, body, ...result } = await callFrom(from ?? 'gateway', protocol, path);
        const { refusal } = evidence ?? {};
        const rows = refusalRows.filter(({ explanation }) => refusal?.explanation.startsWith(`${explanation} `));
        assert.deepEqual(
          {
            answeredBy,
            reason: refusal?.reason,
            rows: rows.map(({ name }) => name),
            status: result.status,
            grpcStatus: result.grpcStatus,
          },
          {
            answeredBy: 'proxy',
            reason,
            rows: [protocol === 'http' ? row : grpcRow].filter((name) => name),
            ...(protocol === 'http'
              ? { status: status[0], grpcStatus: undefined }
              : { status: status[1], grpcStatus: status[2] }),
          },
          `${protocol}: ${JSON.stringify({ ...result, mesh: evidence, body })}`,
        );
        const origin =
          by === undefined ? /in Istio, the caller's own sidecar\.$/ : /Said by a proxy after the first one/;
        assert.match(refusal?.explanation ?? '', origin);
      }),
    );
  }

  test('the cases cover every row of the table and every reason', () => {
    const covered = [...refusalCases.flatMap(({ row, grpcRow }) => [row, grpcRow]), overloaded.row];
    const rows = [...covered.filter((row) => row !== undefined), ...Object.keys(notCovered)];
    assert.deepEqual(new Set(rows), new Set(refusalRows.map(({ name }) => name)));
    assert.deepEqual(new Set(refusalCases.map(({ reason }) => reason)), new Set(refusalReasons));
  });

  for (const refusalCase of refusalCases) {
    const { name, manifest, reason, from = 'gateway', call = 'service4/x' } = refusalCase;
    test(`${name}: ${reason}`, async () => {
      await Promise.all(
        protocols.map(async (protocol) => {
          const { answeredBy } = await callFrom(from, protocol, typeof call === 'string' ? call : call[protocol]);
          assert.notEqual(answeredBy, 'proxy', 'refused before the manifest was applied');
        }),
      );
      await during(manifest, () => assertRefused(refusalCase));
    });
  }

  test(`an overloaded proxy: ${overloaded.reason}`, async () => {
    // The bootstrap sets the limits of the overload manager, and a pod may have its own bootstrap.
    const bootstrap = path.join(folder, 'bootstrap.json');
    writeFileSync(bootstrap, await overloadedBootstrap());
    const annotations = { 'proxy.istio.io/config': `proxyBootstrapTemplatePath: ${bootstrap}` };
    await during(workload('tired', { annotations }), () =>
      assertRefused({
        name: '',
        manifest: '',
        call: 'tired/x',
        by: 'callee',
        ...overloaded,
        status: [503, 503, 'UNAVAILABLE'],
      }),
    );
  });

  const serviceAnswers = [
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
  const routes = [
    ['through two sidecars', 'gateway', 'service4'],
    ['to a pod without a sidecar', 'gateway', 'legacy'],
    ['from a pod without a sidecar', 'legacy', 'service4'],
  ] as const;
  for (const [route, from, to] of routes) {
    test(`an answer of a service ${route} counts as the service's`, async () => {
      for (const protocol of protocols) {
        for (const directives of serviceAnswers) {
          const { answeredBy, mesh: evidence } = await callFrom(from, protocol, `${to}/${directives}/x`);
          assert.deepEqual([answeredBy, evidence?.refusal], ['service', undefined], `${protocol} ${directives}`);
        }
      }
    });
  }

  test("a service's 503 after a sidecar's retries counts as the service's, and injected faults as the proxy's", async () => {
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
      const [, port] = mesh.http('gateway').split(':');
      for (const scheme of ['', 'grpc:']) {
        const { calls } = await callHttp(Number(port), `/@${scheme}service4*60/~status=503:1in2/x`);
        const { byAnswer = {}, byRefusal, byStatus = {}, byVersion } = calls?.[0]?.summary ?? {};
        const { proxy = 0, service = 0 } = byAnswer;
        // With an even chance, fewer than 10 or more than 50 of 60 calls occur once in ten million runs.
        assert.ok(proxy > 10 && proxy < 50, JSON.stringify(byAnswer));
        assert.deepEqual([proxy + service, byRefusal, byVersion], [60, { fault: proxy }, { v1: service }]);
        // Half of the requests that arrived, give or take one that an earlier call left over.
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
  test('the answers of a server that is not a meshmock count as foreign', async () => {
    for (const answer of foreignAnswers) {
      const { answeredBy, mesh: evidence } = await callFrom('gateway', 'http', `foreign.test${answer}/x`);
      assert.deepEqual([answeredBy, evidence?.proxy, evidence?.refusal], ['foreign', 'envoy', undefined], answer);
    }
    for (const code of [2, 7, 12, 13, 14]) {
      for (const text of ['', '[answer-text=come%20back%20later]']) {
        const call = `foreign.test[answer-status=${code}]${text}/x`;
        const { answeredBy, mesh: evidence } = await callFrom('gateway', 'grpc', call);
        assert.deepEqual([answeredBy, evidence?.proxy, evidence?.refusal], ['foreign', 'envoy', undefined], call);
      }
    }
  });

  test("a foreign server's answer with the text of Envoy counts as the proxy's", async () => {
    const call = 'foreign.test[answer-status=503][answer-text=no%20healthy%20upstream]/x';
    const { answeredBy, mesh: evidence } = await callFrom('gateway', 'http', call);
    assert.deepEqual([answeredBy, evidence?.refusal?.reason], ['proxy', 'no_healthy_upstream']);
  });

  const atTheGateway = (http: string, hosts = '"*"'): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ingress }
spec: { hosts: [${hosts}], gateways: [ingress], http: [{ ${http} }] }`;
  const toGateway = 'route: [{ destination: { host: gateway, port: { number: 8080 } } }]';
  const ingresses: readonly (readonly [name: string, manifest: string, reason: string])[] = [
    ['a path without a route', atTheGateway(`match: [{ uri: { prefix: /only } }], ${toGateway}`), 'no_route'],
    ['a host without a route', atTheGateway(toGateway, 'other.test'), 'no_route'],
    [
      'an injected fault',
      atTheGateway(`fault: { abort: { httpStatus: 418, percentage: { value: 100 } } }, ${toGateway}`),
      'fault',
    ],
    [
      'a subset without a definition',
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
    test(`meshmock call reports a refusal by the ingress gateway: ${name}`, async () => {
      await mesh.apply({ name: 'case', text: manifest });
      try {
        for (const scheme of ['', 'grpc:']) {
          const call = ['call', `${scheme}shop.test:80/x`, '--connect-to', `shop.test:80:${mesh.gateway(80)}`];
          const expected = ['--expect', `refusal = ${reason}`, '--expect', 'answered-by = proxy'];
          const { code, stdout, stderr } = await runProgram([...call, ...expected]);
          assert.equal(code, 0, `${scheme} ${stdout}${stderr}`);
          assert.match(stdout, /Said by the first proxy on the way: a gateway, a waypoint or the callee's sidecar\./);
        }
      } finally {
        await mesh.delete({ name: 'case', text: manifest });
        await mesh.apply('istio/demo/ingress.yaml');
      }
      const { code, stdout } = await runProgram(['call', `${mesh.gateway(80)}/x`, '--expect', 'answered-by = service']);
      assert.equal(code, 0, stdout);
    });
  }
});

/** Returns Istio's bootstrap with an overload manager that refuses every request. */
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
  // If a field occurs twice, the last one is in effect.
  return template.replace(/\}\s*$/, `, "overload_manager": ${JSON.stringify(manager)} }`);
}
