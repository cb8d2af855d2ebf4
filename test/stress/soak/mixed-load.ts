import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { Agent, request } from 'undici';
import { encodeRequest } from '../../../src/grpc/codec.ts';
import { callMethod } from '../../../src/reply/reply.ts';
import type { Random } from '../../random.ts';
import { connectAndSend } from '../raw-connection.ts';
import type { WatchedService } from '../watched-service.ts';

/** Paths of the load: answers, cascades, faults, resets, large bodies and wrong plans. */
const paths = [
  '/x',
  '/@a/x',
  '/@a|grpc:b/x',
  '/@grpc:a/~grpc-status=UNAVAILABLE/x',
  '/~status=503:0.5/x',
  '/~delay=1ms-20ms/x',
  '/~close/x',
  '/~size=50KB/x',
  '/~cpu=1ms/x',
  '/@a*5/~status=500:1in2/x',
  '/@a;retries=2/~close:attempt<2/x',
  '/@a[/x',
];

/** Constant number of clients with kept connections, new connections and gRPC. */
export class MixedLoad {
  private readonly stopped = new AbortController();
  private readonly lanes: Promise<void>[];
  private readonly agent = new Agent();
  private readonly channel: Client;
  requests = 0;

  constructor(service: WatchedService, lanes: number, pauseMs: number, random: Random) {
    this.channel = new Client(`127.0.0.1:${service.grpcPort}`, credentials.createInsecure());
    this.lanes = Array.from({ length: lanes }, async () => {
      while (!this.stopped.signal.aborted) {
        await this.send(service, random);
        this.requests++;
        await sleep(pauseMs);
      }
    });
  }

  async stop(): Promise<void> {
    this.stopped.abort();
    await Promise.all(this.lanes);
    await this.agent.destroy();
    this.channel.close();
  }

  private async send({ httpPort }: WatchedService, random: Random): Promise<void> {
    const path = random.pick(paths);
    const kind = random.below(4);
    if (kind === 0) return this.call(path);
    if (kind === 1) {
      const wrong = random.chance(0.3) ? 'Transfer-Encoding: chunked\r\n\r\nzz\r\n' : '\r\n';
      const bytes = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${wrong}`);
      await connectAndSend(httpPort, [{ kind: 'send', bytes }], 20_000);
      return;
    }
    const answer = request(`http://127.0.0.1:${httpPort}${path}`, { dispatcher: this.agent });
    await answer.then(({ body }) => body.dump()).catch(() => {});
  }

  private call(path: string): Promise<void> {
    return new Promise((resolve) => {
      const deadline = { deadline: Date.now() + 20_000 };
      const decode = (bytes: Buffer): Buffer => bytes;
      const method = `/${callMethod}`;
      this.channel.makeUnaryRequest(method, encodeRequest, decode, { path }, new Metadata(), deadline, () => resolve());
    });
  }
}
