import { fileURLToPath } from 'node:url';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { loadSync, type MethodDefinition } from '@grpc/proto-loader';
import { bodyLines, type EchoRequest, partsOf } from './http-request.ts';

interface EchoText {
  readonly message: string;
}

/** Text that the original client sends. */
const message = 'HelloWorld';

/** Returns a function that calls `Echo` of Istio's echo server. All its calls share a connection. */
export function grpcRequester(request: EchoRequest): (index: number, signal: AbortSignal) => Promise<string[]> {
  const { address, authority, headers } = partsOf(request);
  const file = fileURLToPath(new URL('../../../proto/echo/istio_echo.proto', import.meta.url));
  const methods = loadSync(file, { defaults: true })['proto.EchoTestService'] as unknown as {
    readonly Echo: MethodDefinition<EchoText, EchoText>;
  };
  const { path, requestSerialize, responseDeserialize } = methods.Echo;
  const client = new Client(address, credentials.createInsecure(), { 'grpc.default_authority': authority });
  const metadata = new Metadata();
  for (const { name, value } of headers) metadata.add(name, value);
  return (index, signal) =>
    new Promise((resolve, reject) => {
      const received: string[] = [];
      const call = client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        { message },
        metadata,
        (error, response) => {
          if (error === null) resolve([...bodyLines(index, response?.message ?? ''), ...received]);
          else reject(error);
        },
      );
      call.on('metadata', (answered) => {
        for (const [name, value] of Object.entries(answered.getMap()))
          received.push(`[${index}] ResponseHeader=${name}:${String(value)}`);
      });
      signal.addEventListener('abort', () => call.cancel(), { once: true });
    });
}
