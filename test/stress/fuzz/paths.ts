import type { Random } from '../../random.ts';

const directives = [
  'delay=5ms',
  'delay=1ms-9ms',
  'delay=p50=1ms,p99=9ms',
  'status=503',
  'grpc-status=UNAVAILABLE',
  'close',
  'size=10KB',
  'body=text',
  'header[x=y]',
  'cpu=2ms',
  'memory=1MB',
  'status=503:0.3',
  'status=500:1in3:attempt<3',
  'delay=1ms:version=v2:pod=a:zone=z',
];
const options = [';timeout=50ms', ';method=POST', ';retries=2', ';concurrency=2', ';attempt-timeout=20ms'];
const uris = ['/x', '/', '/a/b?c=d', '/%7C%40', '/ä', '?', '/..//.', '/~', '/@'];
/** Pieces of the path language, and what parsers stumble over. */
const pieces = ['/@', '/~', '@', '~', ',', '|', '(', ')', '[', ']', '*', ';', '=', ':', '/', '%', '%7C', '%2', '%00'];
const oddities = ['\u0000', '\r\n', 'ä', '😀', '\ud800', '‮', '-1', '1e999', '99999999999999999999', 'NaN', '__proto__'];

/** Returns a path that is often a plan, sometimes nearly one, and sometimes anything. */
export function randomPath(random: Random): string {
  const path = planText(random, 3);
  return random.chance(0.6) ? path : mutate(random, path);
}

function planText(random: Random, depth: number): string {
  const before = random.some(2, () => `/~${random.pick(directives)}`).join('');
  if (depth === 0 || random.chance(0.4)) return `${before}${random.pick(uris)}`;
  const group = Array.from({ length: 1 + random.below(2) }, () =>
    Array.from({ length: 1 + random.below(2) }, () => targetText(random, depth)).join('|'),
  ).join(',');
  return `${before}/@${group}${planText(random, depth - 1)}`;
}

function targetText(random: Random, depth: number): string {
  const scheme = random.pick(['', '', '', 'http:', 'grpc:', 'https:']);
  const host = random.pick(['a', 'b.c', '[::1]', '10.0.0.1', 'x-y_z']);
  const port = random.pick(['', '', ':8080', ':9090', ':65535']);
  const times = random.chance(0.1) ? `*${random.below(5)}` : '';
  const more = random.some(2, () => (random.chance(0.5) ? '[n=v]' : random.pick(options))).join('');
  const own = random.chance(0.2) ? `(${planText(random, depth - 1)})` : '';
  return `${scheme}${host}${port}${times}${more}${own}`;
}

/** Changes a text in a few places: inserts, deletes, repeats and replaces. */
export function mutate(random: Random, given: string): string {
  let text = given;
  for (let change = 0; change <= random.below(4); change++) {
    const at = random.below(text.length + 1);
    const rest = text.slice(at + random.below(4));
    const insert = random.pick(random.chance(0.7) ? pieces : oddities);
    const times = random.chance(0.05) ? random.below(3000) : random.below(3);
    text = random.chance(0.3) ? text.slice(0, at) + rest : text.slice(0, at) + insert.repeat(times) + rest;
  }
  return text;
}
