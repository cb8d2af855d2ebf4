import protobuf from 'protobufjs/light.js';
import { maxPlanDepth } from '../plan/plan.ts';
import json from './generated/schema.json' with { type: 'json' };

// Each level of a plan takes three nested messages, and of a reply two. The default limit of protobufjs is 100.
const maxMessageDepth = 3 * maxPlanDepth + 10;
protobuf.util.recursionLimit = maxMessageDepth;
protobuf.Reader.recursionLimit = maxMessageDepth;

/** Types of `proto/meshmock`. They are made when the first message is encoded or decoded. */
let root: protobuf.Root | undefined;

/** Returns a message type of meshmock by its full name, such as `meshmock.v1.Reply`. */
export function messageType(fullName: string): protobuf.Type {
  root ??= protobuf.Root.fromJSON(json as protobuf.INamespace);
  return root.lookupType(fullName);
}
