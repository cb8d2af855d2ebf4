import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderText } from '../../src/render/reply-text.ts';
import { cellsOf, cutStart, wrapNotes, wrapWords } from '../../src/render/terminal-text.ts';
import type { CallResult, Reply } from '../../src/reply/reply.ts';
import fc from '../fast-check.ts';

const identity = (account: string): string => `spiffe://cluster.local/ns/default/sa/${account}`;

const reply: Reply = {
  service: 'productpage',
  version: 'v1',
  pod: 'productpage-v1-7d4b9c6f5-x2x7k',
  request: { protocol: 'http', method: 'GET', uri: '/@reviews,ratings/x' },
  status: 502,
  durationMs: 20,
  calls: [
    {
      target: 'reviews:9090',
      scheme: 'grpc',
      status: 200,
      startMs: 0,
      durationMs: 10,
      answeredBy: 'service',
      mesh: { proxy: 'envoy', upstreamMs: 8 },
      reply: {
        service: 'reviews',
        version: 'v2',
        pod: 'reviews-v2-6d8bc5f4c9-qk4tz',
        status: 200,
        durationMs: 8,
        mesh: { peerIdentity: identity('bookinfo-productpage'), ownIdentity: identity('bookinfo-reviews') },
      },
    },
    {
      target: 'ratings:8080',
      scheme: 'http',
      status: 503,
      startMs: 10,
      durationMs: 10,
      answeredBy: 'proxy',
      mesh: {
        proxy: 'envoy',
        refusal: { reason: 'connect_failure', explanation: 'The endpoint could not be connected to. Look at mTLS.' },
      },
    },
  ],
};

test('A tree for a projector fits 80 columns: bars shrink, and long notes continue under their row', () => {
  assert.equal(
    renderText(reply, { width: 80 }),
    `GET /@reviews,ratings/x
productpage v1 (productpage-v1-7d4b9c6f5-x2x7k)  502  20.0 ms  █████████████████
├─ reviews v2 (reviews-v2-6d8bc5f4c9-qk4tz)      200  10.0 ms  █████████········
│     grpc · mTLS bookinfo-productpage→bookinfo-reviews · proxy 2.0 ms
└─ ratings:8080                                  503  10.0 ms  ········█████████
      refused by the proxy: connect_failure (The endpoint could not be connected
      to)
`,
  );
});

test('A tree in a narrow terminal has no bars, and its pods lose their beginnings', () => {
  assert.equal(
    renderText(reply, { width: 50 }),
    `GET /@reviews,ratings/x
productpage v1 (…v1-7d4b9c6f5-x2x7k)  502  20.0 ms
├─ reviews v2 (…v2-6d8bc5f4c9-qk4tz)  200  10.0 ms
│     grpc
│     mTLS bookinfo-productpage→bookinfo-reviews
│     proxy 2.0 ms
└─ ratings:8080                       503  10.0 ms
      refused by the proxy: connect_failure (The
      endpoint could not be connected to)
`,
  );
});

test('A wide terminal shows what a text without a width shows', () => {
  assert.equal(renderText(reply, { width: 200 }), renderText(reply));
});

test('A bar shrinks as far as needed to keep a note on its row', () => {
  const call: CallResult = { target: 'b:1', scheme: 'http', answeredBy: 'foreign', status: 200, durationMs: 1 };
  const short: Reply = { service: 'a', status: 200, durationMs: 1, calls: [{ ...call, body: 'x'.repeat(20) }] };
  const [, row] = renderText(short, { width: 70 }).split('\n');
  assert.equal(row, `└─ b:1  200  1.0 ms  ${'█'.repeat(17)}  foreign · ${'x'.repeat(20)}`);
});

test('Long error messages are wrapped, and a caret stays under its character', () => {
  const error = {
    code: 'invalid_plan',
    message: 'at offset 1: expected one thing or another, found "b"',
    caret: ['/b', ' ^ expected one thing or another, or a third'],
  };
  assert.equal(
    renderText({ service: 'a', status: 400, durationMs: 1, error }, { width: 42 }),
    `a  400  1.0 ms  ████████████████████████

at offset 1: expected one thing or
another, found "b"
/b
 ^
expected one thing or another, or a third
`,
  );
});

test('Wide characters take two cells, accents take none', () => {
  for (const [text, cells] of [
    ['', 0],
    ['abc', 3],
    ['café', 4],
    ['cafe\u0301', 4],
    ['東京', 4],
    ['ｶﾅ', 2],
    ['한글', 4],
    ['😀', 2],
    ['👨‍👩‍👧', 2],
    ['🇩🇪', 2],
    ['❤️', 2],
    ['└─ a → b … ×2 ±1 █·', 19],
    ['a\u200bb', 2],
  ] as const) {
    assert.equal(cellsOf(text), cells, JSON.stringify(text));
  }
});

test('A cut at the start keeps the end, and never separates an accent from its letter', () => {
  assert.equal(cutStart('abcdef', 6), 'abcdef');
  assert.equal(cutStart('abcdef', 4), '…def');
  assert.equal(cutStart('東京都', 4), '…都');
  assert.equal(cutStart('xxe\u0301y', 3), '…e\u0301y');
});

test('Lines break at spaces, and inside a word only if it is longer than a line', () => {
  assert.deepEqual(wrapWords('one two three', 7), ['one two', 'three']);
  assert.deepEqual(wrapWords('one abcdefghij two', 4), ['one', 'abcd', 'efgh', 'ij', 'two']);
  assert.deepEqual(wrapWords('', 4), ['']);
  assert.deepEqual(wrapNotes(['one', 'two', 'a long note', 'x'], 11), ['one · two', 'a long note', 'x']);
});

const outcome = fc.constantFrom('200', '503', 'refused', 'not_made');
const word = fc.string({ unit: fc.constantFrom('a', 'b', '-', '東', '😀', 'é'), minLength: 1, maxLength: 6 });

const { tree } = fc.letrec<{ tree: Reply; call: CallResult }>((tie) => ({
  tree: fc
    .record({ service: word, pod: word, durationMs: fc.nat(5000), calls: fc.array(tie('call'), { maxLength: 3 }) })
    .map((fields) => ({ ...fields, status: 200 })),
  call: fc
    .record({
      target: word,
      status: outcome.map(Number),
      message: fc.array(word, { maxLength: 12 }).map((words) => words.join(' ')),
      reply: fc.option(tie('tree'), { nil: undefined, depthSize: 'small' }),
    })
    .map(
      ({ target, status, message, reply }): CallResult => ({
        target,
        scheme: 'http',
        durationMs: 1,
        answeredBy: reply === undefined ? 'foreign' : 'service',
        ...(Number.isNaN(status) ? { error: { code: 'refused', message } } : { status }),
        ...(reply === undefined ? { body: message } : { reply }),
      }),
    ),
}));

test('Every tree fits every width, and keeps each name, outcome, time and word of its notes', () => {
  const words = (text: string): string => text.replaceAll(/[\s·…│├└─█]/gu, '');
  fc.assert(
    fc.property(tree, fc.integer({ min: 64, max: 120 }), (random, width) => {
      const fitted = renderText(random, { width });
      for (const line of fitted.split('\n')) assert.ok(cellsOf(line) <= width, `${line} fits ${width}`);
      const withoutPods = (text: string): string => words(text.replaceAll(/\([^)]*\)/g, '()'));
      const whole = withoutPods(renderText(random));
      assert.equal([...withoutPods(fitted)].sort().join(''), [...whole].sort().join(''));
    }),
    { numRuns: 300 },
  );
});
