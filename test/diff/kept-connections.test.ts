import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { EdgeParts } from '../../src/diff/pieces/edge-parts.ts';
import { podsOfService } from '../../src/diff/probes/implied-route.ts';
import { keptOverGrpc, mayKeepConnections } from '../../src/diff/probes/kept-connections.ts';
import { modesFor } from '../../src/diff/probes/probe-modes.ts';

function parts(workloads: readonly string[], hasProxy = false): EdgeParts {
  const receivers = workloads.map((workload) => ({ pod: { namespace: 'shop', workload, labels: {} } }));
  return { sender: hasProxy ? {} : undefined, receivers } as unknown as EdgeParts;
}

it('connections that a caller without a proxy keeps matter if a Service has other workloads', () => {
  const may = (before: EdgeParts, after: EdgeParts): boolean => mayKeepConnections({ before, after });
  assert.equal(may(parts(['a']), parts(['b'])), true);
  assert.equal(may(parts(['a']), parts(['a', 'b'])), true);
  assert.equal(may(parts(['a'], true), parts(['b'])), true, 'one side has no proxy');
  assert.equal(may(parts(['a', 'a']), parts(['a'])), false);
  assert.equal(may(parts(['a'], true), parts(['b'], true)), false, 'a proxy chooses for each request');
});

it('a caller without a proxy is compared by its pod, unless a Service has several workloads on one side', () => {
  const chance = (before: EdgeParts, after: EdgeParts): readonly unknown[] => {
    const caller = { kind: 'outside' } as const;
    return modesFor({ route, parts: before }, { route, parts: after }, { protocol: 'http', caller }).modes;
  };
  const route = { route: { cluster: podsOfService } };
  assert.deepEqual(chance(parts(['a']), parts(['b'])), [{ kind: 'plain', byChance: 'nothing' }]);
  assert.deepEqual(chance(parts(['a']), parts(['a', 'b'])), [{ kind: 'plain', byChance: 'destination' }]);
});

it('over gRPC, where connections are kept for longer, the pods that answer are not compared', () => {
  const [before, after] = [parts(['a']), parts(['b'])];
  assert.equal(keptOverGrpc({ before, after, protocol: 'grpc' }).length, 1);
  assert.equal(keptOverGrpc({ before, after, protocol: 'http' }).length, 0);
  assert.equal(keptOverGrpc({ before, after: before, protocol: 'grpc' }).length, 0);
});
