/** Worker thread that parses texts. The main thread ends it if it hangs. */
import assert from 'node:assert/strict';
import { parentPort } from 'node:worker_threads';
import { defaultTextMapGetter, defaultTextMapSetter, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { loadCommand } from '../../../src/cli/commands.ts';
import { parseCaseFile } from '../../../src/cli/files/case-file.ts';
import { parseMeshFile } from '../../../src/cli/files/mesh-file.ts';
import { isValidatorFile, parseValidatorFile } from '../../../src/cli/files/validator-file.ts';
import { MeshmockError } from '../../../src/error/meshmock-error.ts';
import { parseExpectation } from '../../../src/expect/parse.ts';
import { decodeRequest } from '../../../src/grpc/codec.ts';
import { parseManifests } from '../../../src/istio/resources/manifest.ts';
import { parseOptions } from '../../../src/options/options.ts';
import { formatPath } from '../../../src/plan/format.ts';
import { parsePath } from '../../../src/plan/parse.ts';
import { isReply } from '../../../src/reply/is-reply.ts';
import { planForms, readCommand, writeCommand } from '../../../src/send/forms/plan-forms.ts';
import { MeshPropagator } from '../../../src/telemetry/propagation.ts';

/** Text for one of the parsers. */
export interface TextCase {
  readonly parser: keyof typeof parsers;
  readonly text: string;
}

const times = { timeoutMs: 1000, retryUntilMs: 0 };
const propagator = new MeshPropagator();

/** Parsers, which return or throw a `MeshmockError`, and what must hold for what they return. */
const parsers = {
  path(text: string) {
    const plan = parsePath(text);
    const formatted = formatPath(plan);
    assert.deepEqual(parsePath(formatted), plan, formatted);
    assert.equal(formatPath(parsePath(formatted)), formatted);
  },
  command(text: string) {
    const command = readCommand(text);
    for (const form of planForms) writeCommand(command, form);
  },
  expectation: (text: string) => void parseExpectation(text),
  manifest: (text: string) => void parseManifests([{ name: 'a.yaml', text }]).map(({ whereIs }) => whereIs(['spec'])),
  cases: (text: string) =>
    void (isValidatorFile(text) ? parseValidatorFile(text, 'a.yaml', times) : parseCaseFile(text, 'a.yaml', times)),
  validator: (text: string) => void parseValidatorFile(text, 'a.yaml', times),
  mesh: (text: string) => void parseMeshFile(text, 'a.yaml'),
  message: (text: string) => void decodeRequest(Buffer.from(text, 'latin1')),
  reply: (text: string) => void isReply(JSON.parse(text)),
  /** Headers of a trace context, as JSON. */
  context(text: string) {
    const headers = JSON.parse(text) as Record<string, string>;
    const context = propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter);
    const { traceId, spanId } = trace.getSpanContext(context) ?? {};
    if (traceId !== undefined) assert.match(`${traceId}-${spanId}`, /^[0-9a-f]{32}-[0-9a-f]{16}$/);
    propagator.inject(context, {}, defaultTextMapSetter);
  },
  /** A command and its arguments, as JSON. */
  async options(text: string) {
    const [command = '', subcommand = '', ...args] = JSON.parse(text) as string[];
    const { help, subcommands } = await loadCommand(command);
    const { schema = {} } = subcommands?.[subcommand] ?? help;
    parseOptions(schema, args, {});
  },
} satisfies Record<string, (text: string) => void | Promise<void>>;

/** Texts to parse, and a counter with the index of the current one. */
export interface TextBatch {
  readonly cases: readonly TextCase[];
  readonly current: Int32Array<SharedArrayBuffer>;
}

parentPort?.on('message', async ({ cases, current }: TextBatch) => {
  const problems: (string | undefined)[] = [];
  for (const [index, { parser, text }] of cases.entries()) {
    Atomics.store(current, 0, index);
    problems.push(await problemOf(parser, text));
  }
  parentPort?.postMessage(problems);
});

/** Returns the stack of an error that is not one of ours. */
async function problemOf(parser: TextCase['parser'], text: string): Promise<string | undefined> {
  try {
    await parsers[parser](text);
    return undefined;
  } catch (error) {
    const isExpected = error instanceof MeshmockError && error.code !== 'internal' && !/^ +at /m.test(error.message);
    return isExpected ? undefined : (error as Error).stack;
  }
}
