import type { ServerUnaryCall } from '@grpc/grpc-js';
import type { EchoForm } from '../execute/echo-server.ts';
import type { Reply } from '../reply/reply.ts';
import type { GrpcCall, GrpcMethod } from './method.ts';
import { typesOfMethod } from './schema.ts';

/** Proto file and service of each echo server. */
const services: Readonly<Record<EchoForm, { readonly file: string; readonly name: string }>> = {
  'echo-basic': { file: 'echo/grpcecho.proto', name: 'gateway_api_conformance.echo_basic.grpcecho.GrpcEcho' },
  'istio-echo': { file: 'echo/istio_echo.proto', name: 'proto.EchoTestService' },
};

/** Returns the proto file of an echo server, which reflection serves too. */
export function echoProtoFile(form: EchoForm): string {
  return services[form].file;
}

interface EchoRequest {
  /** Text of the request; `echo-basic` has none. */
  readonly message?: string;
}

/** Returns the gRPC methods of an echo server. They answer with the request. */
export function echoMethods(form: EchoForm): GrpcMethod[] {
  const { name } = services[form];
  return implemented[form].map((method) => {
    const fullName = `${name}/${method}`;
    return {
      name: fullName,
      decode(bytes) {
        const types = typesOfMethod(name, method);
        const request: EchoRequest = types.request.toObject(types.request.decode(bytes));
        return {
          plan: { kind: 'path', path: '/' },
          encode(reply, call) {
            const message = types.answer.fromObject(messageOf(form, `/${fullName}`, reply, call, request));
            return Buffer.from(types.answer.encode(message).finish());
          },
        };
      },
    };
  });
}

/** Methods that the original servers implement. */
const implemented: Readonly<Record<EchoForm, readonly string[]>> = {
  'echo-basic': ['Echo', 'EchoTwo'],
  'istio-echo': ['Echo'],
};

function messageOf(form: EchoForm, method: string, reply: Reply, call: GrpcCall, request: EchoRequest): object {
  switch (form) {
    case 'echo-basic': {
      const { service, namespace, pod } = reply;
      const headers = headersOf(call).map(([key, value]) => ({ key, value }));
      const context = { namespace, serviceName: service, pod };
      return { assertions: { fullyQualifiedMethod: method, headers, authority: call.getHost(), context } };
    }
    case 'istio-echo':
      return { message: fieldLines(reply, call, request) };
  }
}

/** Returns the lines of Istio's echo (istio/istio, `Echo` of pkg/test/echo/server/endpoint/grpc.go), without the port. */
function fieldLines({ version, namespace, pod }: Reply, call: GrpcCall, { message = '' }: EchoRequest): string {
  const fields: [name: string, value: string | undefined][] = [
    ['Host', call.getHost()],
    ...headersOf(call)
      .filter(([name]) => !name.endsWith('-bin'))
      .map(([name, value]): [string, string] => ['RequestHeader', `${name}:${value}`]),
    ['StatusCode', '200'],
    ['ServiceVersion', version],
    ['Namespace', namespace],
    ['IP', /^\[?(?:::ffff:)?(.*?)\]?:\d+$/.exec(call.getPeer())?.[1]],
    ['Proto', 'GRPC'],
    ['Echo', message],
    ['Hostname', pod],
  ];
  return fields.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}\n`])).join('');
}

/** Returns the headers of a call. Node joins the values of a repeated one. */
function headersOf(call: ServerUnaryCall<unknown, unknown>): [name: string, value: string][] {
  const sent = Object.keys(call.metadata.getMap()).flatMap((name) =>
    call.metadata.get(name).map((value): [string, string] => [name, String(value)]),
  );
  return [[':authority', call.getHost()], ...sent];
}
