import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const root = path.join(import.meta.dirname, '../../src');

/** Which rooms each room may import from, besides itself. ARCHITECTURE.md draws it. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  plan: [],
  reply: ['plan'],
  expect: ['plan', 'reply'],
  trace: ['plan', 'reply'],
  telemetry: ['plan', 'reply'],
  execute: ['plan', 'reply', 'telemetry'],
  http: ['plan', 'reply', 'execute'],
  grpc: ['plan', 'reply', 'execute'],
  serve: ['plan', 'reply', 'execute', 'telemetry', 'http', 'grpc'],
  istio: ['plan'],
  manifests: ['plan'],
  cases: ['plan', 'reply', 'expect', 'execute', 'http', 'grpc', 'istio'],
  cli: [
    'plan',
    'reply',
    'expect',
    'trace',
    'execute',
    'telemetry',
    'http',
    'grpc',
    'serve',
    'istio',
    'manifests',
    'cases',
  ],
};

/** Rooms that are pure: no sockets, no files, no packages. */
const pure = ['plan', 'reply', 'expect', 'trace'];

interface Import {
  readonly file: string;
  readonly room: string;
  readonly from: string;
}

const imports: readonly Import[] = globSync('**/*.ts', { cwd: root }).flatMap((file) => {
  const text = readFileSync(path.join(root, file), 'utf8');
  const found = text.matchAll(/(?:\bfrom\s+|\bimport\s*\(?\s*)'([^']+)'/g);
  return [...found].map(([, from = '']) => ({ file, room: file.split(path.sep)[0] ?? '', from }));
});

test('every file stands in a room, and there are imports to check', () => {
  assert.deepEqual(
    imports.filter(({ room }) => !(room in allowed)),
    [],
  );
  assert.ok(imports.length > 100);
});

test('rooms import in one direction', () => {
  const wrong = imports.filter(({ file, room, from }) => {
    if (!from.startsWith('.')) return false;
    const [target = ''] = path.relative(root, path.resolve(root, path.dirname(file), from)).split(path.sep);
    return target !== room && target !== '..' && !allowed[room]?.includes(target);
  });
  assert.deepEqual(wrong, []);
});

test('plan, reply, expect and trace are pure: they import nothing but themselves and each other', () => {
  assert.deepEqual(
    imports.filter(({ room, from }) => pure.includes(room) && !from.startsWith('.')),
    [],
  );
});

test('execute opens no socket: the clients behind its port do', () => {
  const sockets = /^(?:node:(?:net|http|https|http2|tls|dgram|dns)|undici|fastify|@grpc\/.*)$/;
  assert.deepEqual(
    imports.filter(({ room, from }) => room === 'execute' && sockets.test(from)),
    [],
  );
});

test('the OpenTelemetry SDK is loaded only where spans are on', () => {
  const known = new Set([
    'telemetry/spans.ts',
    'telemetry/metrics.ts',
    'telemetry/old-names.ts',
    'telemetry/propagation.ts',
    'telemetry/start.ts',
  ]);
  assert.deepEqual(
    imports.filter(({ file, from }) => from.startsWith('@opentelemetry/') && !known.has(file)),
    [],
  );
});
