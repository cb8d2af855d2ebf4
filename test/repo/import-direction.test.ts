import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const root = path.join(import.meta.dirname, '../../src');

/**
 * The rooms of `src`, and the rooms from which each may import, besides itself. An inner room is a folder in a room.
 * A room that is allowed includes its inner rooms. ARCHITECTURE.md draws the same picture.
 */
const allowed: Readonly<Record<string, readonly string[]>> = {
  error: [],
  /** Paths of the files of the package. */
  package: [],
  plan: ['error'],
  reply: ['error', 'plan'],
  expect: ['error', 'plan', 'reply'],
  trace: ['error', 'plan', 'reply'],
  render: ['error', 'reply'],
  'telemetry/span-export': ['error'],
  telemetry: ['error', 'plan', 'reply', 'telemetry/span-export'],
  'execute/concurrency': ['reply'],
  /** Bounds of the resources of a service. */
  'execute/budgets': ['error', 'plan', 'reply'],
  'execute/overload': ['error', 'plan'],
  'execute/plans': ['plan'],
  'execute/directives': [
    'package',
    'error',
    'plan',
    'reply',
    'execute/concurrency',
    'execute/budgets',
    'execute/overload',
  ],
  execute: [
    'error',
    'plan',
    'reply',
    'telemetry',
    'execute/concurrency',
    'execute/budgets',
    'execute/overload',
    'execute/plans',
    'execute/directives',
  ],
  /** Addresses and names that may be dialled. */
  'dial/targets': ['error', 'plan'],
  /** Addresses of names: /etc/hosts, name servers, the operating system. */
  'dial/names': [],
  dial: ['reply', 'dial/targets', 'dial/names'],
  /** Certificates, and what a connection with TLS shows. */
  tls: ['error', 'reply'],
  /** Connections of clients, over all protocols. */
  connections: ['reply', 'tls', 'execute/budgets'],
  /** Forms of a plan, such as commands for curl. */
  'send/forms': ['error', 'plan', 'reply'],
  /** Data of the page: rows, graphs, comparisons, exports. They run in browsers too. */
  'page/model': ['error', 'plan', 'reply', 'render', 'send/forms', 'diff/compare'],
  /** HTML of a page, and the files of its program. */
  'page/server': ['package', 'render', 'send/forms', 'page/model'],
  /** Elements of a page, made in the browser. */
  'page/dom': [],
  /** Graph, waterfall, details and menus, in the browser. */
  'page/view': ['error', 'plan', 'reply', 'render', 'page/model', 'page/dom'],
  /** Panels and lists of the page of a local mesh. */
  'page/view/mesh': ['page/model', 'page/dom', 'page/view'],
  /** The page of a local mesh, in the browser. */
  'page/app/mesh': ['page/model', 'page/dom', 'page/view', 'page/view/mesh'],
  /** The page of one plan, in the browser. */
  'page/app': ['error', 'plan', 'reply', 'render', 'send/forms', 'manifests', 'page/model', 'page/dom', 'page/view'],
  /** Answers that arrive in parts. */
  'http/streams': ['reply', 'execute/concurrency'],
  /** Pages for browsers, loaded at the first request of one. */
  'http/pages': ['error', 'execute', 'reply', 'render', 'page/model', 'page/server'],
  http: ['error', 'plan', 'reply', 'render', 'execute', 'dial', 'tls', 'connections', 'http/streams', 'http/pages'],
  /** Streams of HTTP/2: their limits, and the requests that arrive in them. */
  'grpc/streams': ['plan', 'execute', 'connections'],
  /** Messages of types that meshmock itself does not have. */
  'grpc/messages': ['package', 'error'],
  /** Services of gRPC itself: health and reflection. */
  'grpc/services': ['package', 'grpc/messages'],
  grpc: [
    'package',
    'error',
    'plan',
    'reply',
    'execute',
    'dial',
    'tls',
    'connections',
    'grpc/streams',
    'grpc/messages',
    'grpc/services',
  ],
  tcp: ['error', 'plan', 'reply', 'execute', 'dial', 'connections'],
  /** Schema of the settings of a command: flags, variables, defaults. */
  options: ['error', 'plan'],
  /** Messages between a service and the process that started it. */
  'serve/process': ['error', 'plan'],
  /** Settings of `meshmock serve`. The local mesh derives flags and variables of its mocks from them. */
  'serve/settings': ['error', 'plan', 'dial', 'execute', 'options'],
  serve: [
    'serve/settings',
    'serve/process',
    'error',
    'plan',
    'reply',
    'dial',
    'execute',
    'tls',
    'connections',
    'telemetry',
    'http',
    'grpc',
    'tcp',
  ],
  send: ['error', 'plan', 'reply', 'expect', 'dial', 'execute', 'tls', 'http', 'grpc', 'tcp', 'send/forms'],
  /** Client of a Jaeger's query API. */
  jaeger: ['error', 'trace'],
  'istio/resources': ['error', 'plan'],
  'istio/process': ['error'],
  /** Namespaces, addresses, rules and DNS of the node of a local mesh. */
  'istio/network': ['error', 'istio/resources', 'istio/process'],
  'istio/kube-api': ['error', 'istio/resources'],
  'istio/apply': ['error', 'istio/resources', 'istio/kube-api'],
  'istio/observe': ['error', 'istio/resources', 'istio/process'],
  'istio/control-plane': ['error', 'istio/resources', 'istio/process', 'istio/kube-api', 'istio/observe'],
  /** Objects of the API server as the node reads them, and what follows from Services. */
  'istio/cluster': ['istio/resources', 'istio/network', 'istio/kube-api', 'istio/apply'],
  'istio/node/mock': ['error', 'options', 'serve/settings', 'istio/resources'],
  'istio/node': [
    'package',
    'error',
    'options',
    'serve/process',
    'serve/settings',
    'istio/resources',
    'istio/process',
    'istio/network',
    'istio/kube-api',
    'istio/observe',
    'istio/control-plane',
    'istio/cluster',
    'istio/node/mock',
  ],
  'istio/analysis': ['istio/resources'],
  /** State of a running mesh for its page. */
  'istio/live': [
    'error',
    'istio/resources',
    'istio/kube-api',
    'istio/apply',
    'istio/observe',
    'istio/control-plane',
    'istio/cluster',
    'istio/node',
  ],
  'istio/tools': ['package', 'error', 'istio/process'],
  /** Whether the proxies have what istiod has, and istiod what the API server has. */
  'istio/local-mesh/sync': [
    'error',
    'istio/resources',
    'istio/process',
    'istio/network',
    'istio/kube-api',
    'istio/observe',
    'istio/cluster',
    'istio/node',
  ],
  'istio/local-mesh': [
    'istio/local-mesh/sync',
    'error',
    'istio/resources',
    'istio/process',
    'istio/network',
    'istio/kube-api',
    'istio/apply',
    'istio/observe',
    'istio/control-plane',
    'istio/cluster',
    'istio/node',
    'istio/analysis',
    'istio/live',
    'istio/tools',
  ],
  'istio/host': [
    'package',
    'error',
    'istio/resources',
    'istio/process',
    'istio/control-plane',
    'istio/node',
    'istio/live',
    'istio/local-mesh',
    'istio/tools',
  ],
  manifests: ['error', 'plan'],
  cases: ['error', 'plan', 'reply', 'expect', 'execute', 'istio', 'send'],
  'cases/coverage': ['error', 'plan', 'reply', 'istio', 'cases'],
  'cases/asserted-routes': ['error', 'plan', 'reply', 'expect', 'istio', 'send', 'cases'],
  'cases/meshes': ['error', 'plan', 'reply', 'istio', 'send', 'cases', 'cases/coverage', 'cases/asserted-routes'],
  /** Differences of behaviour between two snapshots of a mesh. */
  diff: ['error', 'plan', 'reply', 'expect'],
  'diff/requests': ['error', 'plan', 'reply', 'expect', 'diff'],
  'diff/compare': ['error', 'plan', 'reply', 'expect', 'diff'],
  /** Configuration of Envoys, cut into the parts that decide about an edge. */
  'diff/pieces': ['diff'],
  /** Requests for the edges whose parts differ. */
  'diff/probes': ['diff', 'diff/pieces', 'diff/requests', 'diff/compare'],
  /** Changed objects, and the fields that caused differences. */
  'diff/causes': ['istio', 'cases', 'diff'],
  /** Local mesh that has one snapshot after another, and answers probes. */
  'diff/engine': [
    'error',
    'plan',
    'reply',
    'render',
    'execute',
    'istio',
    'send',
    'send/forms',
    'cases',
    'diff',
    'diff/pieces',
    'diff/probes',
    'diff/compare',
    'diff/causes',
  ],
  /** Comparison of two running meshes by the answers of their entries. */
  'diff/live': [
    'error',
    'plan',
    'reply',
    'istio',
    'send',
    'cases',
    'diff',
    'diff/pieces',
    'diff/probes',
    'diff/compare',
    'diff/causes',
    'diff/engine',
  ],
  'diff/report': ['error', 'plan', 'reply', 'render', 'diff'],
  'diff/written-cases': ['error', 'plan', 'reply', 'expect', 'diff'],
  /** Sentences about objects of a mesh and their rules. */
  'mesh-page/describe': ['error', 'istio/resources', 'diff/pieces'],
  /** Page of a running local mesh: its server, and what it shows. */
  'mesh-page': [
    'mesh-page/describe',
    'error',
    'plan',
    'trace',
    'jaeger',
    'page/model',
    'page/server',
    'serve/process',
    'istio',
    'diff/requests',
    'diff/pieces',
  ],
  'cli/options': ['options', 'render', 'send'],
  'cli/output': ['error', 'plan', 'reply', 'render'],
  'cli/files': ['error', 'plan', 'reply', 'expect', 'execute', 'istio', 'manifests', 'cases', 'options', 'cli/process'],
  'cli/process': ['package', 'error'],
  'cli/completion': ['error', 'options', 'cli/options'],
  'cli/serve': [
    'error',
    'plan',
    'dial',
    'execute',
    'serve',
    'telemetry',
    'options',
    'cli/options',
    'cli/process',
    'cli/files',
  ],
  'cli/plan': ['error', 'plan', 'send', 'options', 'cli/options', 'cli/process'],
  'cli/call': [
    'tls',
    'error',
    'plan',
    'reply',
    'render',
    'expect',
    'trace',
    'jaeger',
    'execute',
    'send',
    'options',
    'cli/options',
    'cli/output',
    'cli/process',
  ],
  'cli/up': [
    'package',
    'error',
    'plan',
    'reply',
    'jaeger',
    'serve',
    'telemetry',
    'istio',
    'mesh-page',
    'page/model',
    'options',
    'cli/options',
    'cli/files',
    'cli/process',
    'cli/serve',
  ],
  'cli/manifests': ['error', 'plan', 'dial', 'send', 'manifests', 'options', 'cli/options', 'cli/process'],
  'cli/istio': [
    'package',
    'error',
    'plan',
    'istio',
    'mesh-page',
    'serve/settings',
    'options',
    'cli/options',
    'cli/files',
    'cli/process',
    'cli/manifests',
  ],
  'cli/diff': [
    'error',
    'render',
    'istio',
    'cases',
    'diff',
    'options',
    'cli/options',
    'cli/output',
    'cli/process',
    'cli/files',
  ],
  'cli/test': [
    'error',
    'plan',
    'reply',
    'render',
    'expect',
    'istio',
    'cases',
    'diff',
    'send',
    'options',
    'cli/options',
    'cli/output',
    'cli/files',
    'cli/process',
    'cli/diff',
  ],
  'cli/labs': ['package', 'error', 'options', 'cli/options', 'cli/process', 'cli/istio', 'cli/test'],
  cli: [
    'package',
    'telemetry',
    'cli/completion',
    'error',
    'cli/options',
    'cli/output',
    'cli/process',
    'cli/serve',
    'cli/plan',
    'cli/call',
    'cli/up',
    'cli/manifests',
    'cli/istio',
    'cli/test',
    'cli/labs',
    'cli/diff',
  ],
};

/** Rooms that are pure: no sockets, no files, no packages. */
const pure = ['error', 'plan', 'reply', 'expect', 'trace'];

interface Import {
  readonly file: string;
  readonly room: string;
  readonly from: string;
}

const roomOf = (file: string): string => path.dirname(file).replace(/^grpc\/generated.*/, 'grpc');

const imports: readonly Import[] = globSync('**/*.ts', { cwd: root }).flatMap((file) => {
  const text = readFileSync(path.join(root, file), 'utf8');
  const found = text.matchAll(/(?:\bfrom\s+|\bimport\s*\(?\s*)'([^']+)'/g);
  return [...found].map(([, from = '']) => ({ file, room: roomOf(file), from }));
});

const isWithin = (room: string, outer: string): boolean => room === outer || room.startsWith(`${outer}/`);

test('every file is in a known room, and there are imports to check', () => {
  assert.deepEqual(
    imports.filter(({ room }) => !(room in allowed)),
    [],
  );
  assert.ok(imports.length > 100);
});

test('rooms import in one direction, inner rooms included', () => {
  const wrong = imports.filter(({ file, room, from }) => {
    if (!from.startsWith('.')) return false;
    const target = roomOf(path.relative(root, path.resolve(root, path.dirname(file), from)));
    if (target === room || target.startsWith('..')) return false;
    const isInnerOfOne = target.includes('/') && target.split('/')[0] === room.split('/')[0];
    return !allowed[room]?.some((known) => (isInnerOfOne ? known === target : isWithin(target, known)));
  });
  assert.deepEqual(
    wrong.map(({ file, from }) => `${file} imports ${from}`),
    [],
  );
});

test('the rooms have an order: none is reached again from the rooms that it may import', () => {
  // A room and its inner rooms count one by one here; elsewhere an outer room stands for all of them.
  const next = (room: string): string[] =>
    (allowed[room] ?? []).flatMap((known) =>
      known.split('/')[0] === room.split('/')[0]
        ? [known]
        : Object.keys(allowed).filter((other) => isWithin(other, known)),
    );
  const reach = (room: string, seen = new Set<string>()): Set<string> => {
    for (const other of next(room)) if (!seen.has(other)) reach(other, seen.add(other));
    return seen;
  };
  const circles = Object.keys(allowed).filter((room) => reach(room).has(room));
  assert.deepEqual(circles, []);
});

/** Library that is pure too: regular expressions. */
const pureLibrary = 're2js';

test('error, plan, reply, expect and trace are pure: they import only themselves and each other', () => {
  assert.deepEqual(
    imports.filter(({ room, from }) => pure.includes(room) && !from.startsWith('.') && from !== pureLibrary),
    [],
  );
});

test('execute opens no socket: the clients that implement its port do', () => {
  const sockets = /^(?:node:(?:net|http|https|http2|tls|dgram|dns)|undici|fastify|@grpc\/.*)$/;
  assert.deepEqual(
    imports.filter(({ room, from }) => isWithin(room, 'execute') && sockets.test(from)),
    [],
  );
});

test('only the spans, metrics and start of telemetry load the OpenTelemetry SDK', () => {
  const known = new Set([
    'telemetry/spans.ts',
    'telemetry/hop-tracer.ts',
    'telemetry/random-ids.ts',
    ...[
      'span-processors',
      'lost-spans',
      'encoded-spans',
      'hop-span',
      'span-encoder',
      'otlp-grpc-exporter',
      'otlp-http-exporter',
    ].map((name) => `telemetry/span-export/${name}.ts`),
    'telemetry/metrics.ts',
    'telemetry/process-metrics.ts',
    'telemetry/resource-metrics.ts',
    'telemetry/old-names.ts',
    'telemetry/propagation.ts',
    'telemetry/start.ts',
  ]);
  assert.deepEqual(
    imports.filter(({ file, from }) => from.startsWith('@opentelemetry/') && !known.has(file)),
    [],
  );
});

test('no folder of src holds more than 20 files; the rooms of istio come later', () => {
  const counts = new Map<string, number>();
  for (const file of globSync('**/*.ts', { cwd: root, exclude: (name) => name === 'generated' }))
    counts.set(path.dirname(file), (counts.get(path.dirname(file)) ?? 0) + 1);
  assert.deepEqual(
    [...counts].filter(([folder, count]) => folder !== 'istio' && count > 20),
    [],
  );
});
