/**
 * load.ts LANES: makes calls one after another on each lane until standard input ends, and prints the results as JSON.
 * It runs on the node of a cluster, which can resolve the names of Services. LANES is a JSON list of `Lane`.
 */
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { decodeReplyMessage, encodeRequest } from '../../src/grpc/codec.ts';
import { callMethod, type Reply } from '../../src/reply/reply.ts';

/** Sequence of calls to the same URL. */
export interface Lane {
  readonly name: string;
  readonly protocol: 'http' | 'grpc';
  /** `kept` for one connection as long as it lasts, `new` for one connection for each call. */
  readonly connection: 'kept' | 'new';
  readonly host: string;
  readonly path: string;
}

/** Results of a lane's calls. */
export interface LaneResult {
  readonly name: string;
  /** Number of answers. */
  answers: number;
  /** Number of errors, by their message. */
  readonly errors: Record<string, number>;
  /** Number of answers of each pod: the pod that was called, or the pod that it called. */
  readonly byPod: Record<string, number>;
}

const pauseMs = 10;
const callTimeoutMs = 10_000;

type Call = () => Promise<Reply>;

function httpCalls({ connection, host, path }: Lane): Call {
  const agent = new http.Agent({ keepAlive: connection === 'kept' });
  const url = `http://${host}:8080${path}`;
  return () =>
    new Promise((resolve, reject) => {
      const request = http.get(url, { agent, timeout: callTimeoutMs }, (response) => {
        text(response).then((body) => {
          if (response.statusCode === 200) resolve(JSON.parse(body) as Reply);
          else reject(new Error(`status ${response.statusCode}`));
        }, reject);
      });
      request.on('timeout', () => request.destroy(new Error('timeout')));
      request.on('error', reject);
    });
}

function grpcCalls({ connection, host, path }: Lane): Call {
  const dial = (): Client =>
    new Client(`${host}:9090`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  const kept = connection === 'kept' ? dial() : undefined;
  return () =>
    new Promise((resolve, reject) => {
      const client = kept ?? dial();
      const deadline = Date.now() + callTimeoutMs;
      client.makeUnaryRequest(
        ...([`/${callMethod}`, encodeRequest, decodeReplyMessage, { path }, { deadline }] as const),
        (error: Error | null, reply?: Reply) => {
          if (client !== kept) client.close();
          if (reply === undefined) reject(error ?? new Error('no answer'));
          else resolve(reply);
        },
      );
    });
}

async function drive(lane: Lane, ended: AbortSignal): Promise<LaneResult> {
  const call = lane.protocol === 'http' ? httpCalls(lane) : grpcCalls(lane);
  const result: LaneResult = { name: lane.name, answers: 0, errors: {}, byPod: {} };
  const count = (counts: Record<string, number>, key: string): void => {
    counts[key] = (counts[key] ?? 0) + 1;
  };
  while (!ended.aborted) {
    try {
      const reply = await call();
      result.answers++;
      count(result.byPod, (reply.calls?.[0]?.reply ?? reply).pod ?? '');
    } catch (error) {
      count(result.errors, (error as NodeJS.ErrnoException).code ?? (error as Error).message);
    }
    await sleep(pauseMs);
  }
  return result;
}

if (import.meta.main) {
  const lanes = JSON.parse(process.argv[2] ?? '[]') as Lane[];
  const ended = new AbortController();
  const results = Promise.all(lanes.map((lane) => drive(lane, ended.signal)));
  process.stdin.resume().once('end', () => ended.abort());
  process.stdout.write(JSON.stringify(await results), () => process.exit(0));
}
