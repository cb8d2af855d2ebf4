import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planForms, readCommand, writeCommand } from '../../src/send/forms/plan-forms.ts';
import { quoteWord, splitWords } from '../../src/send/forms/shell-words.ts';
import fc from '../fast-check.ts';
import { allParts, arbitraryPlan } from '../plan/arbitrary-plan.ts';
import { runProgram } from '../program.ts';

test('1,000 plans stay equal through every form and back', () => {
  fc.assert(
    fc.property(arbitraryPlan(allParts, 2), fc.constantFrom(...planForms), (plan, form) => {
      const command = { form, plan, headers: [] };
      assert.deepEqual(readCommand(writeCommand(command, form)).plan, plan);
    }),
    { numRuns: 1000 },
  );
});

test('commands are split into words as a shell does', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ minLength: 1 })), (words) => {
      assert.deepEqual(splitWords(words.map(quoteWord).join(' ')), words);
    }),
  );
  assert.deepEqual(splitWords(String.raw`a "b \" \$ \n c"'d' e\ f`), ['a', String.raw`b " $ \n cd`, 'e f']);
  assert.deepEqual(splitWords('a \\\n  b'), ['a', 'b']);
  assert.deepEqual(splitWords("''"), ['']);
  assert.deepEqual(splitWords(String.raw`-d $'it\'s\n\x21\u00e9 \\' $a a$'b'$`), ['-d', "it's\n!é \\", '$a', 'ab$']);
  assert.throws(() => splitWords("curl $'a"), /a \$ in the command is not closed/);
});

test('a curl command keeps its address and headers as a grpcurl command, and vice versa', () => {
  const curl = `curl -g -H 'end-user: jason' 'localhost:8081/@a|b/x'`;
  const grpcurl = `grpcurl -plaintext -H 'end-user: jason' -d '{"path":"/@a|b/x"}' localhost:9091 meshmock.v1.MeshMock/Call`;
  assert.equal(writeCommand(readCommand(curl), 'grpcurl'), grpcurl);
  assert.equal(writeCommand(readCommand(grpcurl), 'curl'), curl);
});

test('a curl command keeps its method and body, with or without a space after the flags', () => {
  const curl = `curl -g -X POST -H 'a: b' --data-raw '-X=1' 'localhost:8080/@a/x'`;
  assert.equal(writeCommand(readCommand(curl), 'curl'), curl);
  assert.equal(writeCommand(readCommand(`curl -XPOST -H'a: b' -d '-X=1' localhost:8080/@a/x`), 'curl'), curl);
  assert.throws(() => readCommand("curl -X 'A B' localhost:8080/x"), /curl -X "A B": expected a method/);
});

test('meshmock plan keeps the headers of a command and of -H, or says that the form cannot', async () => {
  const curl = "curl -g -H 'end-user: jason' 'localhost:8080/@a/x'";
  const both = "curl -g -H 'end-user: jason' -H 'x-a: 1' 'localhost:8080/@a/x'\n";
  const asCurl = ['--as', 'curl'];
  assert.equal((await runProgram(['plan', '-', ...asCurl, '-H', 'x-a: 1'], curl)).stdout, both);
  const pasted = ['curl', '-H', 'end-user: jason', '-H', 'x-a: 1', '-g', 'localhost:8080/@a/x'];
  assert.equal((await runProgram(['plan', ...asCurl, ...pasted])).stdout, both);
  const lost = await runProgram(['plan', '-'], `${curl} -X PUT`);
  assert.equal(lost.stdout, '/@a/x\n');
  assert.match(lost.stderr, /the form path has no place for the headers, method of the first request: --as curl/);
  const wrong = await runProgram(['plan', '-', '-H', 'x a: 1'], curl);
  assert.match(wrong.stderr, /-H: "x a: 1": expected/);
});

test('meshmock plan converts arguments and standard input', async () => {
  const { stdout } = await runProgram(['plan', '/@a,b|grpc:c:9090/x', '--as', 'json']);
  assert.deepEqual(JSON.parse(stdout), {
    stages: [{ calls: [{ host: 'a' }] }, { calls: [{ host: 'b' }, { scheme: 'grpc', host: 'c' }] }],
    then: { uri: '/x' },
  });
  assert.equal((await runProgram(['plan', '-'], stdout)).stdout, '/@a,b|grpc:c/x\n');
});

for (const [text, message] of [
  [
    '/@a[b',
    'meshmock: at offset 3: expected "]" to close the bracket that opens here, found "["\n/@a[b\n   ^ expected "]" to close the bracket that opens here\n',
  ],
  ['{"stages":[{}]}', 'meshmock: plan.stages[0].calls: expected at least one call\n'],
  ['curl -o file localhost:8080/x', 'meshmock: curl -o has no place in a plan; leave it out\n'],
  ["curl 'localhost:8080/x", "meshmock: a ' in the command is not closed\n"],
] as const) {
  test(`refuses ${text}`, async () => {
    const { code, stderr } = await runProgram(['plan', text]);
    assert.equal(code, 2);
    assert.equal(stderr, message);
  });
}
