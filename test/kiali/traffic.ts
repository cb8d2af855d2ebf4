import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalMeshFixture } from '../istio/local-mesh.ts';

/** Call that the traffic of a test repeats. */
export interface RepeatedCall {
  /** Service whose mock makes the call, or `ingress` for a request to the ingress gateway. */
  readonly from: string;
  readonly path: string;
}

/** Traffic that has ended. */
export interface SentTraffic {
  /** Number of rounds; each sends every call once. */
  readonly rounds: number;
  readonly perSecond: number;
}

/** Sends rounds of calls for a time. */
export async function sendTraffic(
  mesh: LocalMeshFixture,
  calls: readonly RepeatedCall[],
  { durationMs, pauseMs }: { readonly durationMs: number; readonly pauseMs: number },
): Promise<SentTraffic> {
  const started = performance.now();
  let rounds = 0;
  while (performance.now() - started < durationMs) {
    const pause = sleep(pauseMs);
    await Promise.all(calls.map((call) => send(mesh, call)));
    rounds++;
    await pause;
  }
  return { rounds, perSecond: (rounds * 1000) / (performance.now() - started) };
}

async function send(mesh: LocalMeshFixture, { from, path }: RepeatedCall): Promise<void> {
  const address = from === 'ingress' ? mesh.gateway(80) : mesh.http(from);
  await (await fetch(`http://${address}${path}`)).arrayBuffer();
}
