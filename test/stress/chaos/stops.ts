import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../random.ts';
import type { Scenario } from '../stress-run.ts';
import { WatchedService } from '../watched-service.ts';
import { type Endpoint, Load } from './load.ts';

/** Clients of each of the four kinds: 200 connections. */
const lanesOfKind = 50;
/** On a busy machine, an overloaded service would refuse requests. That is no loss, but another matter. */
const admitAll = ['--max-queue-time', '0'];
/** Shorter than the default drain of a service. */
const maxPauseMs = 100;

/**
 * SIGTERM at a random moment under load, with the default drain. New connections go to another service before, as behind
 * the preStop of the manifests. No request may be lost, on new and kept connections.
 */
export const stops: Scenario = {
  name: 'stops',
  async start() {
    const other = await WatchedService.start(['--name', 'other', ...admitAll]);
    let requests = 0;
    return {
      async round(random) {
        requests += await stopUnderLoad(random, other);
        return 1;
      },
      finish: async () => `${requests} requests, none lost`,
      [Symbol.asyncDispose]: () => other[Symbol.asyncDispose](),
    };
  },
};

async function stopUnderLoad(random: Random, other: WatchedService): Promise<number> {
  await using service = await WatchedService.start(['--name', 'stopped', ...admitAll]);
  const { httpPort, grpcPort } = service;
  const endpoint: Endpoint = { httpPort, grpcPort, otherGrpcPort: other.grpcPort };
  const load = new Load(endpoint, lanesOfKind, maxPauseMs, random);
  await sleep(500 + random.below(1000));
  Object.assign(endpoint, { httpPort: other.httpPort, grpcPort: other.grpcPort });
  await load.newAnswered();
  const code = await service.stop();
  await sleep(100);
  const outcomes = await load.stop();
  const lost = Object.entries(outcomes).filter(([outcome]) => !isExpected(outcome));
  if (lost.length > 0 || code !== 0)
    throw new Error(`exit code ${code}, lost: ${JSON.stringify(Object.fromEntries(lost))}`);
  return Object.values(outcomes).reduce((sum, count) => sum + count, 0);
}

/** HTTP/1.1 has no answer to a request on a kept connection that the service closes at the same moment. */
const isExpected = (outcome: string): boolean => outcome.endsWith(': ok') || outcome.endsWith('after a long pause');

/**
 * The same, but new connections come until they are refused, as without a preStop. What the service has accepted is
 * answered. A connection may be refused, and a few may be reset when the service stops listening.
 */
export const stopsWithoutPreStop: Scenario = {
  name: 'stops-without-prestop',
  async start() {
    let requests = 0;
    let refused = 0;
    let reset = 0;
    let rounds = 0;
    return {
      async round(random) {
        await using service = await WatchedService.start(['--name', 'stopped', ...admitAll]);
        const load = new Load(service, lanesOfKind, maxPauseMs, random);
        await sleep(500 + random.below(1000));
        const code = await service.stop();
        const outcomes = await load.stop();
        const lost: Record<string, number> = {};
        for (const [outcome, count] of Object.entries(outcomes)) {
          if (isExpected(outcome)) requests += count;
          else if (/ECONNREFUSED|Waiting for LB pick/.test(outcome)) refused += count;
          else if (isReset(outcome)) reset += count;
          else lost[outcome] = count;
        }
        if (Object.keys(lost).length > 0 || code !== 0)
          throw new Error(`exit code ${code}, lost: ${JSON.stringify(lost)}`);
        if (reset > maxResets * ++rounds) throw new Error(`${reset} new connections were reset in ${rounds} stops`);
        return 1;
      },
      finish: async () => `${requests} requests, none lost; ${refused} connections refused, ${reset} reset`,
      async [Symbol.asyncDispose]() {},
    };
  },
};

/**
 * A connection that was closed before it was used. Clients that keep their connections make new ones too, because a service
 * that ends closes each after an answer. grpc-js says "Failed to connect" of one that was closed without an error.
 */
const isReset = (outcome: string): boolean =>
  /^http .*ECONNRESET|^http new: closed without an answer|^grpc .*No connection established.*(?:ECONNRESET|Failed to connect)/.test(
    outcome,
  );

/** Maximum number of resets in a stop. Clients of a busy machine connect between the last accept and the end of listening. */
const maxResets = 10;
