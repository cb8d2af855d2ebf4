import { Agent } from 'undici';
import type { TargetResolver } from '../dial/target-resolver.ts';
import type { ClientTls } from '../execute/client.ts';
import type { Scheme } from '../plan/plan.ts';
import { createConnector, type Dialling } from './connector.ts';

/** Connections of HTTP/2, which are made only for calls that ask for it. */
export interface Http2Agents {
  agentOf(scheme: Scheme): Agent;
  close(): Promise<void>;
}

/** Creates the connections of HTTP/2: without TLS by prior knowledge, and with TLS as the server agrees. */
export function createHttp2Agents(
  targets: TargetResolver,
  onDialling: (dialling: Dialling) => void,
  tls: ClientTls | undefined,
): Http2Agents {
  const plain = agentFor({ useH2c: true });
  const secure = agentFor({ preferH2: true });
  function agentFor(http2: object): Agent {
    return new Agent({
      allowH2: true,
      h2Options: http2,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: createConnector(targets, onDialling, tls, { allowH2: true, ...http2 }),
    } as Agent.Options);
  }
  return {
    agentOf: (scheme) => (scheme === 'https' ? secure : plain),
    async close() {
      await Promise.all([plain.destroy(), secure.destroy()]);
    },
  };
}
