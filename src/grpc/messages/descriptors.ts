import protobuf from 'protobufjs';
import type { DescribedMethod, DescribedMethods } from './described-methods.ts';
import { decodeJson, encodeJson } from './message-json.ts';
import { findProtoFiles, loadProtoFiles } from './proto-files.ts';

/**
 * Services of the proto files of `--proto`.
 *
 * @example
 * const descriptors = new Descriptors(['shop.proto']);
 * descriptors.method('shop.Basket/Get')?.encodeAnswer('{"userId": "u"}');
 */
export class Descriptors implements DescribedMethods {
  readonly root: protobuf.Root | undefined;
  /** Methods by their full names. A lookup in the root would keep each name that callers invent in a cache. */
  private readonly methods: ReadonlyMap<string, DescribedMethod>;

  /** @throws MeshmockError `usage` if a file cannot be read */
  constructor(names: readonly string[]) {
    this.root = names.length === 0 ? undefined : loadProtoFiles(findProtoFiles(names));
    this.methods = new Map(this.root === undefined ? [] : methodsIn(this.root));
  }

  method(fullName: string): DescribedMethod | undefined {
    return this.methods.get(fullName);
  }
}

function methodsIn(namespace: protobuf.NamespaceBase): [name: string, DescribedMethod][] {
  if (namespace instanceof protobuf.Service)
    return namespace.methodsArray.flatMap((method) => {
      const described = describe(method);
      return described === undefined ? [] : [[`${namespace.fullName.slice(1)}/${method.name}`, described]];
    });
  return namespace.nestedArray.flatMap((nested) => (nested instanceof protobuf.Namespace ? methodsIn(nested) : []));
}

function describe(method: protobuf.Method): DescribedMethod | undefined {
  const { requestStream, responseStream, resolvedRequestType: request, resolvedResponseType: answer } = method;
  if (request === null || answer === null) return undefined;
  return {
    requestStream: requestStream === true,
    responseStream: responseStream === true,
    encodeRequest: (json) => encodeJson(request, json),
    encodeAnswer: (json) => encodeJson(answer, json),
    decodeRequest: (bytes) => decodedOrUndefined(request, bytes),
    decodeAnswer: (bytes) => decodedOrUndefined(answer, bytes),
  };
}

function decodedOrUndefined(type: protobuf.Type, bytes: Uint8Array): string | undefined {
  try {
    return decodeJson(type, bytes);
  } catch {
    return undefined;
  }
}
