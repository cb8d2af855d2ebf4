import { isIP, type LookupFunction, type Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { buildConnector } from 'undici';
import { DialError, errorDuringLookup, type TargetResolver } from '../dial/target-resolver.ts';
import type { ClientTls } from '../execute/client.ts';
import type { CallError } from '../reply/reply.ts';
import { LatestOf } from '../tls/latest-of.ts';

const maxConnectMs = 60_000;

/** Connection that is being made for a call. */
export interface Dialling {
  /** Ends the attempt. Without this, undici would wait for the connection for ever. */
  end(): void;
  /** Returns the error of a call that ends now: the reason, or that of a host that is still looked up. */
  errorOf(reason: CallError): CallError;
}

/**
 * Creates undici's connector. It connects only to addresses that the resolver allows.
 *
 * @param onDialling called for each connection, before it is made
 * @param http2 options of undici for HTTP/2
 */
export function createConnector(
  targets: TargetResolver,
  onDialling: (dialling: Dialling) => void,
  tls?: ClientTls,
  http2: object = { allowH2: false },
): buildConnector.connector {
  // Node calls `lookup` within `connect`, so the attempt that it belongs to is known.
  let attempt: Attempt | undefined;
  const lookup: LookupFunction = (host, options, callback) => {
    const addresses = attempt?.lookUp(host, targets) ?? Promise.reject(new Error('no attempt'));
    addresses.then(
      (found) => {
        const [first] = found;
        if (options.all === true) callback(null, [...found]);
        else callback(null, first?.address ?? '', first?.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    );
  };
  // A connection that resumes a session does not show the certificate of the server.
  const settings = { timeout: maxConnectMs, lookup, maxCachedSessions: 0, ...http2 };
  const connectors = new LatestOf(tls, () =>
    buildConnector({ ...settings, ...tlsOptionsOf(tls) } as buildConnector.BuildOptions),
  );
  return (given, callback) => {
    const options = tls?.serverName === undefined ? given : { ...given, servername: tls.serverName };
    const refusal = isIP(options.hostname) === 0 ? undefined : targets.refuse(options.hostname);
    if (refusal !== undefined) {
      process.nextTick(callback, new DialError(refusal), null);
      return;
    }
    attempt = new Attempt();
    attempt.connect(connectors.get()(options, callback) as unknown as Socket);
    onDialling(attempt);
    attempt = undefined;
  };
}

/** Returns the options of TLS. A certificate that the client trusts may be the server's own, signed by anyone. */
export function tlsOptionsOf({ ca, cert, key, isInsecure }: ClientTls = {}): ConnectionOptions {
  return {
    ...(ca === undefined ? {} : { ca, allowPartialTrustChain: true }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(isInsecure === true && { rejectUnauthorized: false }),
  };
}

/** One connection, with the lookup of its host. */
class Attempt implements Dialling {
  private socket: Socket | undefined;
  private lookup: { readonly host: string; readonly startedAt: number } | undefined;
  private readonly ended = new AbortController();

  connect(socket: Socket): void {
    this.socket = socket;
    // The socket may also be closed by undici: after its own timeout, and when the client is closed.
    if (this.lookup !== undefined) socket.once('close', () => this.ended.abort());
  }

  lookUp(host: string, targets: TargetResolver): ReturnType<TargetResolver['resolve']> {
    this.lookup = { host, startedAt: performance.now() };
    return targets.resolve(host, this.ended.signal).finally(() => {
      this.lookup = undefined;
    });
  }

  end(): void {
    this.socket?.destroy(new Error('the call has ended'));
  }

  errorOf(reason: CallError): CallError {
    return this.lookup === undefined ? reason : errorDuringLookup(this.lookup.host, this.lookup.startedAt, reason);
  }
}
