/** Message from a parent process to the service that it started with a channel. */
export type MessageToService =
  /** Replaces the entries of `--connect-to`. */
  | { readonly kind: 'connect-to'; readonly entries: readonly string[] }
  /** Replaces the directives for every request; null restores those of the start. */
  | { readonly kind: 'behaviour'; readonly directives: string | null };

/** Message from a service to the parent process. */
export type MessageFromService =
  /** The service listens. The addresses are as its ready line shows them. */
  | { readonly kind: 'ready'; readonly http: string; readonly grpc: string }
  /** Answer to `behaviour`: the directives are in effect. */
  | { readonly kind: 'behaves' }
  /** Answer to `behaviour`: the directives are wrong, and nothing has changed. */
  | { readonly kind: 'refused'; readonly message: string };

/** Returns a message for a service, or undefined for anything else that arrives on the channel. */
export function messageToService(value: unknown): MessageToService | undefined {
  const message = value as MessageToService | null;
  if (typeof message !== 'object') return undefined;
  switch (message?.kind) {
    case 'connect-to':
      return Array.isArray(message.entries) ? message : undefined;
    case 'behaviour':
      return typeof message.directives === 'string' || message.directives === null ? message : undefined;
    default:
      return undefined;
  }
}

/** Returns a message of a service, or undefined for anything else that arrives on the channel. */
export function messageFromService(value: unknown): MessageFromService | undefined {
  const message = value as MessageFromService | null;
  if (typeof message !== 'object') return undefined;
  switch (message?.kind) {
    case 'ready':
    case 'behaves':
    case 'refused':
      return message;
    default:
      return undefined;
  }
}
