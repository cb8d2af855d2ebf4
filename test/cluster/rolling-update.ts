import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Lane, LaneResult } from './load.ts';
import type { MockCluster } from './mock-cluster.ts';

/**
 * Returns the lanes for an update of `middle`: direct calls over each protocol and kind of connection, and calls
 * through `gateway`.
 */
export function lanesTo(namespace: string): Lane[] {
  const to = (service: string): string => `${service}.${namespace}.svc.cluster.local`;
  const direct = (['http', 'grpc'] as const).flatMap((protocol) =>
    (['kept', 'new'] as const).map((connection) => ({
      name: `${protocol}, ${connection} connections`,
      protocol,
      connection,
      host: to('middle'),
      path: '/x',
    })),
  );
  const throughGateway = ['/@middle/x', '/@grpc:middle/x'].map(
    (path): Lane => ({
      name: `gateway, which calls ${path}`,
      protocol: 'http',
      connection: 'kept',
      host: to('gateway'),
      path,
    }),
  );
  return [...direct, ...throughGateway];
}

/** Time before and after an update in which Kubernetes and the connections settle, in milliseconds. */
const settleMs = 1000;

/**
 * Replaces all pods of `middle` under load, until the last old pod is deleted.
 *
 * @param wrapper command that runs the load in another namespace than the node's
 */
export async function updateUnderLoad(
  mocks: MockCluster,
  namespace: string,
  wrapper: readonly string[] = [],
): Promise<LaneResult[]> {
  const { cluster } = mocks;
  const kubectl = (...args: string[]): Promise<string> => cluster.kubectl('-n', namespace, ...args);
  const before = (await kubectl('get', 'pod', '--selector', 'app=middle', '-o', 'name')).trim().split('\n');
  const program = fileURLToPath(new URL('load.ts', import.meta.url));
  const [file = '', ...args] = cluster.onNode([
    ...wrapper,
    process.execPath,
    program,
    JSON.stringify(lanesTo(namespace)),
  ]);
  const load = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(load, 'exit');
  try {
    const printed = text(load.stdout);
    await sleep(settleMs);
    await kubectl('rollout', 'restart', 'deployment/middle-v1');
    await kubectl('rollout', 'status', 'deployment/middle-v1', '--timeout=240s');
    await kubectl('wait', '--for=delete', ...before, '--timeout=240s');
    await sleep(settleMs);
    load.stdin.end();
    await exited;
    return JSON.parse(await printed) as LaneResult[];
  } finally {
    load.kill('SIGKILL');
    await exited;
  }
}

/** Prints the result of each lane as a diagnostic of the test. */
export function showResults(t: TestContext, results: readonly LaneResult[]): void {
  for (const { name, answers, errors, byPod } of results)
    t.diagnostic(`${name}: ${answers} answers of ${Object.keys(byPod).length} pods, errors ${JSON.stringify(errors)}`);
}

/** Asserts that every call was answered, and that each lane got answers of at least `minPods` pods, old and new. */
export function assertNoneLost(results: readonly LaneResult[], minPods: number): void {
  for (const { name, answers, errors, byPod } of results) {
    assert.deepEqual(errors, {}, name);
    assert.ok(answers > 100, `${name}: ${answers}`);
    assert.ok(Object.keys(byPod).length >= minPods, `${name}: ${Object.keys(byPod)}`);
  }
}
