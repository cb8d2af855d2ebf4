import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServe } from '../program.ts';
import { sendHttp } from '../running-mesh.ts';

test('a line of the log has a limit, whatever a client sends, and says what it leaves out', async () => {
  await using program = await startServe('app', ['--max-log-line', '500B']);
  const long = 'x'.repeat(50_000);
  await sendHttp(program.httpPort, `/${long}`, { headers: { 'x-request-id': long.slice(0, 10_000) } });
  await sendHttp(program.httpPort, `/@${Array.from({ length: 200 }, () => '127.0.0.1:1').join('|')}/${long}`);
  await sendHttp(program.httpPort, '/short');
  await program.printed(/"uri":"\/short"/);
  const lines = program.stdout.split('\n').filter((line) => line.startsWith('{'));
  assert.equal(lines.length, 3);
  for (const line of lines) assert.ok(Buffer.byteLength(line) < 1000, `${line.length}`);
  const [first, second] = lines.map((line) => JSON.parse(line) as Record<string, string>);
  assert.match(first?.uri ?? '', /^\/x+… \(50001 bytes\)$/);
  assert.match(first?.requestId ?? '', /^x+… \(10000 bytes\)$/);
  assert.match(second?.problem ?? '', /^127\.0\.0\.1:1 refused: .*… \(\d+ bytes\)$/);
});
