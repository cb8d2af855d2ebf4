/**
 * Program in the place of the client of Istio's echo image, which tests run in a pod (istio/istio,
 * pkg/test/echo/cmd/client). It makes requests from the pod's network and prints the answers as that client does.
 *
 * Usage: `node main.js URL [--method=GET] [-H NAME:VALUE]… [--count=N] [--timeout=5s]`
 */
import { parseArgs } from 'node:util';
import { type EchoRequest, requestHttp } from './http-request.ts';

/** Command of the client: its requests, and how to make them. */
interface EchoCommand extends EchoRequest {
  readonly count: number;
  readonly timeoutMs: number;
}

/** Maximum number of requests at the same time, as in the original. */
const concurrency = 20;

/** Makes the request of an index, and returns the lines that describe its answer. */
type Requester = (index: number, signal: AbortSignal) => Promise<string[]>;

function readCommand(args: string[]): EchoCommand {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      method: { type: 'string', default: 'GET' },
      header: { type: 'string', short: 'H', multiple: true, default: [] },
      count: { type: 'string', default: '1' },
      timeout: { type: 'string', default: '5s' },
    },
  });
  const [url = '', ...others] = positionals;
  if (url === '' || others.length > 0) throw new Error('expected one URL');
  const count = Number(values.count);
  if (!Number.isInteger(count) || count < 1) throw new Error(`--count=${values.count}: expected a number from 1`);
  const [, seconds, milliseconds] = /^(?:(\d+)s|(\d+)ms)$/.exec(values.timeout) ?? [];
  const timeoutMs = seconds === undefined ? Number(milliseconds) : Number(seconds) * 1000;
  if (Number.isNaN(timeoutMs)) throw new Error(`--timeout=${values.timeout}: expected a time such as 5s or 500ms`);
  const headers = values.header.map((header) => {
    const [, name, value] = /^([^:]+):(.*)$/s.exec(header) ?? [];
    if (name === undefined || value === undefined) throw new Error(`--header=${header}: expected NAME:VALUE`);
    return { name, value: value.trim() };
  });
  return { url: url.includes('://') ? url : `http://${url}`, method: values.method, headers, count, timeoutMs };
}

async function requesterOf(command: EchoCommand): Promise<Requester> {
  const [scheme] = command.url.split('://');
  switch (scheme?.toLowerCase()) {
    case 'http':
      return (index, signal) => requestHttp(command, index, signal);
    case 'grpc': {
      // gRPC is loaded only if it is needed: each run of a test starts this program.
      const { grpcRequester } = await import('./grpc-request.ts');
      return grpcRequester(command);
    }
    default:
      throw new Error(`${command.url}: expected a URL that begins with http:// or grpc://`);
  }
}

async function main(): Promise<void> {
  const command = readCommand(process.argv.slice(2));
  const request = await requesterOf(command);
  const signal = AbortSignal.timeout(command.timeoutMs);
  const outputs: string[][] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < command.count) {
      const index = next++;
      outputs[index] = await request(index, signal);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, command.count) }, work));
  // An empty line follows each answer.
  const output = outputs.map((lines) => `${lines.join('\n')}\n\n`).join('');
  process.stdout.write(output, () => process.exit(0));
}

main().catch((error: unknown) => {
  process.stderr.write(`Error ${(error as Error).message}\n`, () => process.exit(255));
});
