import { isGrpc, type Plan, type Scheme } from './plan.ts';

/** gRPC method that a call calls. */
export interface CalledMethod {
  /** Full name, such as `shop.Basket/Get`. */
  readonly name: string;
  /** JSON of the message of the request; an empty message if absent. */
  readonly message?: string;
}

/**
 * Path of a method: a service with a package and a name in upper camel case, as the style guide of protobuf asks for. A JSON
 * object may follow, whose braces proxies encode.
 */
const methodPath = /^\/((?:[A-Za-z_]\w*\.)+[A-Z]\w*\/[A-Za-z_]\w*)((?:\{|%7[Bb]).*(?:\}|%7[Dd]))?$/;

/** Package of meshmock, whose methods carry a plan in their message. */
const ownPackage = 'meshmock.v1.';

/**
 * Returns the gRPC method that the plan of a callee names, or undefined if the call carries its plan in the message of
 * meshmock's own method.
 *
 * @example
 * calledMethod('grpc', parsePath('/shop.Basket/Get')); // { name: 'shop.Basket/Get' }
 * calledMethod('grpc', parsePath('/hello')); // undefined
 *
 * @param plan plan that the callee receives
 */
export function calledMethod(scheme: Scheme, plan: Plan): CalledMethod | undefined {
  if (!isGrpc(scheme) || plan.kind !== 'answer') return undefined;
  const [, name, encoded] = methodPath.exec(plan.uri) ?? [];
  if (name === undefined || name.startsWith(ownPackage)) return undefined;
  return encoded === undefined ? { name } : { name, message: decoded(encoded) };
}

/** Decodes a message in a URI. A text that is not encoded well stays as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
