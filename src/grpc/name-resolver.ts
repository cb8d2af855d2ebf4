import type { LookupAddress } from 'node:dns';
import { type ChannelOptions, experimental, Metadata, status } from '@grpc/grpc-js';
import { DialError, errorDuringLookup, type TargetResolver } from '../dial/target-resolver.ts';
import type { CallError } from '../reply/reply.ts';

/** Scheme of the targets of channels to names: `meshmock:HOST:PORT`. */
const scheme = 'meshmock';
/** Option of a channel with its `ChannelName`. grpc-js passes options that it does not know to resolvers. */
const option = 'meshmock.name';

/** Minimum time between two lookups of one channel, in milliseconds. grpc-js asks again after each failed connection. */
const minIntervalMs = 1000;

/** Name that a channel connects to. */
export class ChannelName {
  readonly host: string;
  readonly port: number;
  readonly targets: TargetResolver;
  private error: CallError | undefined;
  private firstLookup: { readonly startedAt: number } | undefined;
  private hasAddresses = false;

  constructor(host: string, port: number, targets: TargetResolver) {
    this.host = host;
    this.port = port;
    this.targets = targets;
  }

  /** Returns the addresses that may be dialled. @throws DialError `dns` or `blocked` */
  async resolve(signal: AbortSignal): Promise<readonly LookupAddress[]> {
    const lookup = { startedAt: performance.now() };
    if (!this.hasAddresses) this.firstLookup = lookup;
    try {
      const addresses = await this.targets.resolve(this.host, signal);
      this.error = undefined;
      this.hasAddresses = true;
      return addresses;
    } catch (error) {
      if (error instanceof DialError) this.error = error.callError;
      throw error;
    } finally {
      if (this.firstLookup === lookup) this.firstLookup = undefined;
    }
  }

  /**
   * Returns the error of a call that the channel failed. grpc-js gives the message of a lookup that failed to the calls
   * that waited for it, without its code.
   */
  errorOf(error: CallError): CallError {
    if (this.error !== undefined && error.message.includes(this.error.message)) return this.error;
    return this.firstLookup === undefined ? error : errorDuringLookup(this.host, this.firstLookup.startedAt, error);
  }
}

/** Returns the target of a channel to a name. */
export function nameTarget(host: string, port: number): string {
  return `${scheme}:${host}:${port}`;
}

/** Returns the options of a channel to a name. */
export function nameOptions(name: ChannelName): ChannelOptions {
  return { [option]: name };
}

/**
 * Resolver of grpc-js for names. It returns only addresses that may be dialled, and grpc-js connects to these. Its own
 * resolver would use getaddrinfo, and connect to any address.
 */
class NameResolver implements experimental.Resolver {
  private readonly name: ChannelName;
  private readonly listener: experimental.ResolverListener;
  private lookup: AbortController | undefined;
  private timer: NodeJS.Timeout | undefined;
  private resolvedAt = Number.NEGATIVE_INFINITY;

  constructor(_target: experimental.GrpcUri, listener: experimental.ResolverListener, options: ChannelOptions) {
    this.name = options[option] as ChannelName;
    this.listener = listener;
  }

  updateResolution(): void {
    if (this.lookup !== undefined || this.timer !== undefined) return;
    const waitMs = this.resolvedAt + minIntervalMs - performance.now();
    if (waitMs <= 0) {
      this.resolve();
      return;
    }
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.resolve();
    }, waitMs);
    this.timer.unref();
  }

  private resolve(): void {
    const lookup = new AbortController();
    this.lookup = lookup;
    const settle = (report: () => void): void => {
      if (this.lookup !== lookup) return;
      this.lookup = undefined;
      this.resolvedAt = performance.now();
      report();
    };
    this.name.resolve(lookup.signal).then(
      (addresses) =>
        settle(() => {
          const { port } = this.name;
          const endpoints = addresses.map(({ address }) => ({ addresses: [{ host: address, port }] }));
          this.listener(experimental.statusOrFromValue(endpoints), {}, null, '');
        }),
      (error: Error) =>
        settle(() => {
          const failure = { code: status.UNAVAILABLE, details: error.message, metadata: new Metadata() };
          this.listener(experimental.statusOrFromError(failure), {}, null, '');
        }),
    );
  }

  destroy(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.lookup?.abort();
    this.lookup = undefined;
  }

  static getDefaultAuthority({ path }: experimental.GrpcUri): string {
    return path;
  }
}

experimental.registerResolver(scheme, NameResolver);
