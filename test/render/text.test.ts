import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderText } from '../../src/render/reply-text.ts';
import { readReply } from '../../src/reply/json.ts';
import { tree } from '../reply/example-reply.ts';

test('The text is a tree with names, statuses, times, bars and notes', () => {
  assert.equal(
    renderText(readReply(tree)),
    `GET /@leaf,gone|web/x
gateway v1           502      24.0 ms  ████████████████████████
├─ leaf v2 (leaf-1)  200      12.0 ms  ████████████············  grpc · attempt 2 · mTLS gateway→leaf · proxy 9.0 ms
├─ gone:8080         refused   6.0 ms  ············██████······  connect ECONNREFUSED 127.0.0.1:1
└─ web:80            404      12.0 ms  ············████████████  foreign · <h1>Not here</h1>

trace 0af7651916cd43dd8448eb211c80319c
`,
  );
});

test('Control characters in a body do not reach the terminal', () => {
  const call = { target: 'b:1', scheme: 'http', answeredBy: 'foreign', body: 'a\u001b[2Jb' } as const;
  const text = renderText({ service: 'a', status: 200, calls: [call] });
  assert.ok(text.includes('a�[2Jb'));
});
