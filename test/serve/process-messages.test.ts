import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { suite, test } from 'node:test';
import { parseMessageFromService, parseMessageToService } from '../../src/serve/process/process-messages.ts';
import { serviceReady, setBehaviour } from '../../src/serve/process/service-channel.ts';

const count = {
  host: 'reviews',
  address: '127.0.0.1:8081',
  protocol: 'http',
  status: '200',
  grpcStatus: '',
  requests: 1,
  durationMs: 3,
  buckets: [[5, 1]],
};

suite('messages between a service and the process that started it', () => {
  for (const message of [
    { kind: 'service-ports', ports: [] },
    { kind: 'service-ports', ports: ['a:80'] },
    { kind: 'behaviour', directives: '/~delay=1s' },
    { kind: 'behaviour', directives: null },
    { kind: 'traffic', isCounted: true },
  ])
    test(`a service accepts ${JSON.stringify(message)}`, () => assert.equal(parseMessageToService(message), message));

  for (const message of [
    undefined,
    null,
    'service-ports',
    {},
    { kind: 'ready', http: ':1', grpc: ':2' },
    { kind: 'service-ports', ports: 'a:80' },
    { kind: 'service-ports', ports: [1] },
    { kind: 'behaviour' },
    { kind: 'traffic', isCounted: 1 },
  ])
    test(`a service ignores ${JSON.stringify(message)}`, () => assert.equal(parseMessageToService(message), undefined));

  for (const message of [
    { kind: 'ready', http: ':1', grpc: ':2' },
    { kind: 'accepted' },
    { kind: 'refused', message: 'x' },
    { kind: 'traffic', counts: [] },
    { kind: 'traffic', counts: [count] },
  ])
    test(`a parent accepts ${JSON.stringify(message)}`, () => assert.equal(parseMessageFromService(message), message));

  for (const message of [
    undefined,
    null,
    'ready',
    {},
    { kind: 'ready' },
    { kind: 'refused' },
    { kind: 'other' },
    { kind: 'traffic' },
    { kind: 'traffic', counts: [null] },
    { kind: 'traffic', counts: [{ ...count, host: 1 }] },
    { kind: 'traffic', counts: [{ ...count, requests: '1' }] },
    { kind: 'traffic', counts: [{ ...count, buckets: [[5]] }] },
  ])
    test(`a parent ignores ${JSON.stringify(message)}`, () =>
      assert.equal(parseMessageFromService(message), undefined));
});

/** Returns a service that answers each message with these values, and a list of the messages that it gets. */
function startFake(...answers: unknown[]): { readonly service: ChildProcess; readonly received: unknown[] } {
  const received: unknown[] = [];
  const emitter = new EventEmitter();
  const send = (message: unknown): void => {
    received.push(message);
    for (const answer of answers) emitter.emit('message', answer);
  };
  return { service: Object.assign(emitter, { send }) as unknown as ChildProcess, received };
}

const { signal } = new AbortController();

suite('the channel of a service', () => {
  test('waits until the service is ready, and ignores other values', async () => {
    const { service } = startFake();
    const ready = serviceReady(service, signal);
    service.emit('message', 'noise');
    service.emit('message', { kind: 'ready', http: ':1', grpc: ':2' });
    assert.deepEqual(await ready, { kind: 'ready', http: ':1', grpc: ':2' });
    assert.equal(service.listenerCount('message'), 0);
  });

  test('waits until directives are in effect', async () => {
    const { service, received } = startFake('noise', { kind: 'accepted' });
    await setBehaviour(service, '/~delay=1s', signal);
    assert.deepEqual(received, [{ kind: 'behaviour', directives: '/~delay=1s' }]);
  });

  test('reports directives that the service refuses', async () => {
    const { service } = startFake({ kind: 'refused', message: 'at offset 2: expected a directive' });
    await assert.rejects(setBehaviour(service, '/~x', signal), {
      code: 'usage',
      message: 'at offset 2: expected a directive',
    });
  });

  test('reports an answer out of turn', async () => {
    const { service } = startFake({ kind: 'ready', http: ':1', grpc: ':2' });
    await assert.rejects(setBehaviour(service, null, signal), { code: 'internal', message: /"ready" out of turn/ });
  });

  test('reports a service that ends without an answer', async () => {
    const { service } = startFake();
    const answer = setBehaviour(service, null, signal);
    service.emit('exit', 1, null);
    await assert.rejects(answer, { code: 'unavailable', message: 'the service has ended' });
  });

  test('stops waiting when the signal is aborted', async () => {
    const { service } = startFake();
    const controller = new AbortController();
    const ready = serviceReady(service, controller.signal);
    controller.abort();
    await assert.rejects(ready, { name: 'AbortError' });
  });
});
