import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { choosePorts } from '../../src/cli/up/ports.ts';
import { fullPath, type RequestParts } from '../../src/diff/requests/condition.ts';
import type { EdgeSide } from '../../src/diff/requests/edge-side.ts';
import { chooseRoute, isAllowed, parseSide } from '../../src/diff/requests/parse-side.ts';
import { installTools } from '../../src/istio/tools/install-tools.ts';
import { edgeSide, requestParts } from '../diff/arbitrary-config.ts';
import fc from '../fast-check.ts';

/** Number of random virtual hosts, and of requests to each. */
const hosts = 200;
const requestsEach = 25;

test('Envoy chooses the routes and obeys the rules that the requests of a comparison are made for', async (t) => {
  const sides = fc.sample(edgeSide, { numRuns: hosts, ...seed });
  const requests = fc.sample(fc.array(requestParts, { minLength: requestsEach, maxLength: requestsEach }), {
    numRuns: hosts,
    ...seed,
  });
  const [port = 0] = await choosePorts([{ flag: '', name: 'envoy', host: '127.0.0.1', port: 0 }]);
  const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-diff-routes-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'envoy.json');
  writeFileSync(file, JSON.stringify(bootstrap(sides, port)));
  const { envoy } = await installTools(['envoy'], t.signal);
  const log = path.join(folder, 'log');
  const settings = ['-c', file, '--concurrency', '1', '--disable-hot-restart', '--log-path', log, '-l', 'error'];
  const child = spawn(path.join(envoy, 'envoy'), settings, { stdio: 'inherit' });
  t.after(async () => {
    child.kill();
    if (child.exitCode === null) await once(child, 'exit');
  });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  t.after(() => agent.destroy());
  await untilAnswered(port, agent, t.signal);

  const fixed = { identity: undefined, port, scheme: 'http' } as const;
  const outcomes = new Set<string>();
  await Promise.all(
    sides.map(async (side, index) => {
      const parsed = parseSide(side);
      for (const parts of requests[index] ?? []) {
        const choice = chooseRoute(parsed, parts, fixed);
        const expected =
          choice.kind !== 'route' ? '404' : isAllowed(parsed, parts, fixed) === false ? '403' : `200 ${choice.index}`;
        const seen = await answerOf(parts, { port, host: `host-${index}`, agent });
        assert.equal(
          seen,
          expected,
          `${JSON.stringify(side)} ${fullPath(parts)} ${JSON.stringify([...parts.headers])}`,
        );
        outcomes.add(seen);
      }
    }),
  );
  assert.ok(
    ['404', '403', '200 0', '200 1', '200 2'].every((outcome) => outcomes.has(outcome)),
    [...outcomes].join(),
  );
});

const fixedSeed = process.env.MESHMOCK_TEST_SEED;
const seed = fixedSeed === undefined ? {} : { seed: Number(fixedSeed) };

const filterNames = ['rbac-0', 'rbac-1'] as const;
const rbac = 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3';

/** Returns Envoy's configuration with a virtual host for each side, whose routes answer with their index. */
function bootstrap(sides: readonly EdgeSide[], port: number): unknown {
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'test',
    route_config: {
      virtual_hosts: sides.map(({ virtualHost, inboundFilters }, index) => ({
        name: `host-${index}`,
        domains: [`host-${index}`],
        routes: (virtualHost?.routes ?? []).map(({ match }, route) => ({
          match,
          direct_response: { status: 200, body: { inline_string: String(route) } },
        })),
        typed_per_filter_config: Object.fromEntries(
          inboundFilters.map(({ typed_config: config }, filter) => [
            filterNames[filter] ?? '',
            { '@type': `${rbac}.RBACPerRoute`, rbac: { rules: config?.rules } },
          ]),
        ),
      })),
    },
    http_filters: [
      ...filterNames.map((name) => ({ name, typed_config: { '@type': `${rbac}.RBAC` } })),
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
  };
  return {
    static_resources: {
      listeners: [
        {
          name: 'test',
          address: { socket_address: { address: '127.0.0.1', port_value: port } },
          filter_chains: [
            { filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] },
          ],
        },
      ],
    },
  };
}

interface Target {
  readonly port: number;
  readonly host: string;
  readonly agent: http.Agent;
}

/** Returns the status of an answer, with the index of the route if it answered. */
async function answerOf(parts: RequestParts, { port, host, agent }: Target): Promise<string> {
  const request = http.request({
    host: '127.0.0.1',
    port,
    agent,
    method: parts.method,
    path: fullPath(parts),
    headers: { ...Object.fromEntries(parts.headers), host },
  });
  request.end();
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const body = await text(response);
  return response.statusCode === 200 ? `200 ${body}` : String(response.statusCode);
}

async function untilAnswered(port: number, agent: http.Agent, signal: AbortSignal): Promise<void> {
  const parts: RequestParts = {
    path: '/',
    query: new Map(),
    method: 'GET',
    authority: '',
    headers: new Map(),
    token: undefined,
    acceptedAudiences: [],
  };
  for (;;) {
    try {
      await answerOf(parts, { port, host: 'none', agent });
      return;
    } catch {
      await wait(50, undefined, { signal });
    }
  }
}
