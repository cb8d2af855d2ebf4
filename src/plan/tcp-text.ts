import { type Call, type CallsPlan, type Plan, sharedContinuation } from './plan.ts';

/** Text of an error for a call over TCP whose callee would get a plan, or several lines. */
export const tcpTextExpected =
  'one line of text for the tcp call, such as tcp:HOST:PORT(/hello): TCP carries no plan, and a call sends one line';

/** Returns the first call over TCP, at any depth, whose callee would get more than one line of text. */
export function tcpCallWithPlan(plan: Plan): Call | undefined {
  if (plan.kind === 'answer') return undefined;
  return plan.stages.flat().find((call) => !isText(continuationOf(call, plan), call)) ?? deeperCall(plan);
}

function deeperCall(plan: CallsPlan): Call | undefined {
  const continuations = plan.stages.flat().flatMap(({ then }) => then ?? []);
  for (const then of plan.then === undefined ? continuations : [...continuations, plan.then]) {
    const found = tcpCallWithPlan(then);
    if (found !== undefined) return found;
  }
  return undefined;
}

function continuationOf({ then }: Call, plan: CallsPlan): Plan {
  return then ?? sharedContinuation(plan);
}

/** Characters that end a line, so that a text with them would be several requests. */
const lineEnd = /[\r\n]/;

function isText(continuation: Plan, { scheme }: Call): boolean {
  if (scheme !== 'tcp') return true;
  return (
    continuation.kind === 'answer' && continuation.directives.length === 0 && !lineEnd.test(tcpText(continuation.uri))
  );
}

/**
 * Returns the text that a call over TCP sends: the URI without its first slash, decoded.
 *
 * @example
 * tcpText('/hello%20world'); // 'hello world'
 */
export function tcpText(uri: string): string {
  const text = uri.replace(/^\//, '');
  try {
    return decodeURIComponent(text);
  } catch {
    // A percent sign that encodes nothing stays.
    return text;
  }
}
