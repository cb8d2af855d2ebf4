import type { ChildProcess } from 'node:child_process';
import { on } from 'node:events';
import { MeshmockError } from '../../error/meshmock-error.ts';
import {
  type MessageFromService,
  type MessageToService,
  parseMessageFromService,
  type ReadyMessage,
} from './process-messages.ts';

/** Sends a message to a service. A service that ends at the same time does not receive it. */
export function sendToService(service: ChildProcess, message: MessageToService): void {
  service.send(message, () => {});
}

/**
 * Waits for the first message of a service, and returns it. It waits for ever if the service ends first: wait for its end
 * too, and abort the signal.
 *
 * @throws MeshmockError `internal` if it is not `ready`
 * @throws an AbortError if the signal is aborted first
 */
export async function serviceReady(service: ChildProcess, signal: AbortSignal): Promise<ReadyMessage> {
  const message = await nextMessage(service, { signal });
  switch (message.kind) {
    case 'ready':
      return message;
    case 'accepted':
    case 'refused':
    case 'traffic':
      throw outOfTurn(message);
  }
}

/**
 * Sets the directives that a service applies to every request, and waits until they are in effect.
 *
 * @param directives directives such as `/~delay=1s`; null for those of the start
 * @throws MeshmockError `usage` if the directives are not valid, `unavailable` if the service ends first
 * @throws an AbortError if the signal is aborted first
 */
export async function setBehaviour(
  service: ChildProcess,
  directives: string | null,
  signal: AbortSignal,
): Promise<void> {
  const answer = nextMessage(service, { signal, close: ['exit'] });
  sendToService(service, { kind: 'behaviour', directives });
  const message = await answer;
  switch (message.kind) {
    case 'accepted':
      return;
    case 'refused':
      throw new MeshmockError('usage', message.message);
    case 'ready':
    case 'traffic':
      throw outOfTurn(message);
  }
}

async function nextMessage(
  service: ChildProcess,
  options: { readonly signal: AbortSignal; readonly close?: string[] },
): Promise<MessageFromService> {
  for await (const [value] of on(service, 'message', options)) {
    const message = parseMessageFromService(value);
    if (message !== undefined) return message;
  }
  throw new MeshmockError('unavailable', 'the service has ended');
}

function outOfTurn({ kind }: MessageFromService): MeshmockError {
  return new MeshmockError('internal', `a service sent the message "${kind}" out of turn`);
}
