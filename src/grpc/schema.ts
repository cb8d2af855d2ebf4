import protobuf from 'protobufjs/light.js';
import { maxPlanDepth } from '../plan/plan.ts';
import json from './generated/schema.json' with { type: 'json' };

// Each level of a plan takes three nested messages, and of a reply two. The default limit of protobufjs is 100.
const maxMessageDepth = 3 * maxPlanDepth + 10;
protobuf.util.recursionLimit = maxMessageDepth;
protobuf.Reader.recursionLimit = maxMessageDepth;

let root: protobuf.Root | undefined;

/** Returns the types of `proto/`. They are made when the first message is encoded or decoded. */
function schema(): protobuf.Root {
  root ??= protobuf.Root.fromJSON(json as protobuf.INamespace);
  return root;
}

const types = new Map<string, protobuf.Type>();

/** Returns a message type by its full name, such as `meshmock.v1.Reply`. */
export function messageType(fullName: string): protobuf.Type {
  const known = types.get(fullName) ?? schema().lookupType(fullName);
  types.set(fullName, known);
  return known;
}

/** Returns the message types of a method: of its request, and of its answer. */
export function typesOfMethod(service: string, method: string): { request: protobuf.Type; answer: protobuf.Type } {
  const found = schema().lookupService(service).methods[method];
  if (found === undefined) throw new Error(`the schema does not have ${service}/${method}`);
  const scope = service.slice(0, service.lastIndexOf('.') + 1);
  return {
    request: schema().lookupType(scope + found.requestType),
    answer: schema().lookupType(scope + found.responseType),
  };
}
