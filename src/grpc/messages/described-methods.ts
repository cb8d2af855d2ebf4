import type protobuf from 'protobufjs';

/** Method that a proto file describes. */
export interface DescribedMethod {
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  /** Encodes the JSON of a request. @throws MeshmockError `bad_request` */
  encodeRequest(json: string): Buffer;
  /** Encodes the JSON of an answer. @throws MeshmockError `bad_request` */
  encodeAnswer(json: string): Buffer;
  /** Returns the JSON of a request, or undefined if the bytes are not one. */
  decodeRequest(bytes: Uint8Array): string | undefined;
  /** Returns the JSON of an answer, or undefined if the bytes are not one. */
  decodeAnswer(bytes: Uint8Array): string | undefined;
}

/** Methods of the proto files of `--proto`. */
export interface DescribedMethods {
  /** Types of all files; undefined without files. */
  readonly root: protobuf.Root | undefined;
  /** Returns a method by its full name, or undefined if no file describes it. */
  method(fullName: string): DescribedMethod | undefined;
}

/** Methods of a service without proto files. */
export const noDescribedMethods: DescribedMethods = { root: undefined, method: () => undefined };
