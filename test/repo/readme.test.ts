import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tableOf } from '../../src/cli/options.ts';
import { serveSchema } from '../../src/cli/serve-options.ts';
import { startProgram } from '../program.ts';
import { examplesOf, masked, readReadme, run } from './readme.ts';

test('what the README shows is what its commands print (npm run readme writes it)', async () => {
  await using up = startProgram(['up', '--http', 'localhost:0', '--grpc', 'localhost:0', '--log-level', 'silent'], {
    OTEL_SDK_DISABLED: 'true',
  });
  const [, port] = await up.printed(/gateway +http localhost:(\d+)[\s\S]*Ctrl-C/);
  const examples = examplesOf(readReadme());
  assert.ok(examples.length > 15);
  for (const { command, output } of examples) {
    assert.equal(masked(await run(command, Number(port))), masked(output), command);
  }
});

test("the README's table of settings is that of the program", () => {
  assert.ok(readReadme().includes(tableOf(serveSchema)));
});
