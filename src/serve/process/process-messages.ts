/** Message from a parent process to the service that it started with a channel. */
export type MessageToService =
  /** Replaces the ports of `--service-port`. */
  | { readonly kind: 'service-ports'; readonly ports: readonly string[] }
  /** Decides whether the service is ready, by `/-/ready`. */
  | { readonly kind: 'readiness'; readonly isReady: boolean }
  /** Replaces the directives for every request; null restores those of the start. */
  | { readonly kind: 'behaviour'; readonly directives: string | null };

/** First message of a service: it listens. The addresses are as its ready line shows them. */
export interface ReadyMessage {
  readonly kind: 'ready';
  readonly http: string;
  readonly grpc: string;
}

/** Message from a service to the parent process. */
export type MessageFromService =
  | ReadyMessage
  /** Answer to `behaviour`: the directives are in effect. */
  | { readonly kind: 'accepted' }
  /** Answer to `behaviour`: the directives are wrong, and nothing has changed. */
  | { readonly kind: 'refused'; readonly message: string };

/**
 * Parses a message for a service.
 *
 * @example
 * parseMessageToService({ kind: 'behaviour', directives: '/~delay=1s' });
 *
 * @returns undefined for anything else that arrives on the channel
 */
export function parseMessageToService(value: unknown): MessageToService | undefined {
  const message = value as MessageToService | null | undefined;
  switch (message?.kind) {
    case 'service-ports':
      return Array.isArray(message.ports) && message.ports.every(isText) ? message : undefined;
    case 'readiness':
      return typeof message.isReady === 'boolean' ? message : undefined;
    case 'behaviour':
      return isText(message.directives) || message.directives === null ? message : undefined;
    default:
      return undefined;
  }
}

/**
 * Parses a message of a service.
 *
 * @example
 * parseMessageFromService({ kind: 'ready', http: ':8080', grpc: ':9090' });
 *
 * @returns undefined for anything else that arrives on the channel
 */
export function parseMessageFromService(value: unknown): MessageFromService | undefined {
  const message = value as MessageFromService | null | undefined;
  switch (message?.kind) {
    case 'ready':
      return isText(message.http) && isText(message.grpc) ? message : undefined;
    case 'accepted':
      return message;
    case 'refused':
      return isText(message.message) ? message : undefined;
    default:
      return undefined;
  }
}

const isText = (value: unknown): boolean => typeof value === 'string';
