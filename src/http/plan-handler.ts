import type { IncomingMessage, ServerResponse } from 'node:http';
import { MeshmockError } from '../error/meshmock-error.ts';
import { isEntry } from '../execute/allowance.ts';
import { type Answer, answer } from '../execute/answer.ts';
import type { RequestBudget } from '../execute/budgets/budgets.ts';
import { enoughRoom, RequestParseRoom } from '../execute/budgets/parse-room.ts';
import { type Service, signature } from '../execute/service.ts';
import { mayPassBodyOn } from '../plan/fields.ts';
import { type Header, headerFields } from '../plan/plan.ts';
import { errorReply } from '../reply/error-reply.ts';
import { copiesOfText, heldBytesOf, PartedText } from '../reply/long-parts.ts';
import { signatureHeader } from '../reply/mesh-headers.ts';
import { type EncodedReply, encode, pathOfTarget, plainBody, plainHeaders } from './codec.ts';
import { encodeEcho } from './echo-form.ts';
import type { Turn } from './pipeline.ts';
import { hasBody, readRequestBody } from './request-body.ts';

/**
 * Answers a request for a plan.
 *
 * @param isLast reports whether the answer is the last of its connection
 */
export async function handlePlan(
  service: Service,
  request: IncomingMessage,
  response: ServerResponse,
  turn: Turn,
  budget: RequestBudget,
  isLast: () => boolean,
): Promise<void> {
  const path = pathOfTarget(request.url ?? '/');
  const body = hasBody(request) ? await readRequestBody(request, mayPassBodyOn(path), budget, turn) : undefined;
  if (body === undefined) request.resume();
  else if (!request.complete) {
    turn.reset();
    return;
  }
  const answered = await answer(service, {
    protocol: 'http',
    method: request.method ?? '',
    plan: { kind: 'path', path },
    body,
    headers: plainHeaders(request.headers),
    signal: turn.signal,
    budget,
  });
  if (answered.kind === 'reset') {
    turn.reset();
    return;
  }
  if (isLast()) response.shouldKeepAlive = false;
  send(service, encodeAnswer(service, answered, request, budget), request, response, budget);
}

/** Answer as it is sent. */
interface EncodedAnswer extends EncodedReply {
  readonly status: number;
  readonly headers: readonly Header[];
}

/** Encodes an answer, and reports it as sent. An answer that cannot be encoded becomes an error. */
function encodeAnswer(
  service: Service,
  answered: Extract<Answer, { kind: 'reply' }>,
  request: IncomingMessage,
  budget: RequestBudget,
): EncodedAnswer {
  const { reply, headers, isPlain } = answered;
  try {
    const alone = bodyAlone(answered, request);
    if (alone !== undefined) {
      answered.sent();
      return { status: reply.status, headers, ...alone };
    }
    const isEcho = service.role.kind === 'echo' && reply.error === undefined;
    const encoded = isEcho
      ? encodeEcho(service.role.form, reply, request)
      : encode(reply, request, new RequestParseRoom(service.budgets, budget, copiesOfText), isPlain);
    answered.sent();
    return { status: reply.status, headers, ...encoded };
  } catch (error) {
    const errored = errorReply(service.identity, new MeshmockError('internal', String(error)));
    answered.sent(errored);
    return { status: errored.status, headers, ...encode(errored, request, enoughRoom) };
  }
}

/** Returns the body of an answer with a content type of its own, alone. Other meshmocks and `meshmock call` get the reply. */
function bodyAlone(
  { reply, contentType }: Extract<Answer, { kind: 'reply' }>,
  { headers }: IncomingMessage,
): EncodedReply | undefined {
  if (contentType === undefined || reply.body === undefined) return undefined;
  if (!isEntry(headers) || headers['user-agent']?.startsWith('meshmock/')) return undefined;
  return { contentType, body: plainBody(reply.body) };
}

/** Status without content (RFC 9110 section 15.3.6). Its length is 0, while the other statuses without content have none. */
const resetContent = 205;
const noContent = 204;

function send(
  { identity }: Service,
  { status, headers, contentType, body: made }: EncodedAnswer,
  request: IncomingMessage,
  response: ServerResponse,
  budget: RequestBudget,
): void {
  const body = status === resetContent ? '' : made;
  budget.settle(heldBytesOf(body));
  const fields = [signatureHeader, signature(identity), 'x-content-type-options', 'nosniff'];
  if (headers.length > 0) addHeaders(fields, headers);
  if (status !== noContent) fields.push('content-type', contentType, 'content-length', String(byteLengthOf(body)));
  response.writeHead(status, fields);
  if (!(body instanceof PartedText)) response.end(body);
  else if (request.method === 'HEAD') response.end();
  else sendParts(body.parts, response);
}

/** Sends the parts of a body, each when the client has taken those before. */
function sendParts(parts: readonly Buffer[], response: ServerResponse): void {
  let next = 0;
  const sendMore = (): void => {
    while (next < parts.length) {
      if (response.destroyed) return;
      if (response.write(parts[next++])) continue;
      response.once('drain', sendMore);
      return;
    }
    response.end();
  };
  sendMore();
}

function addHeaders(fields: string[], headers: readonly Header[]): void {
  // The only header that cannot be joined to a list (RFC 9110 section 5.3).
  const cookies = headers.filter(({ name }) => name === 'set-cookie');
  const others = headerFields(headers.filter((header) => !cookies.includes(header)));
  for (const [name, value] of Object.entries(others)) fields.push(name, value);
  for (const { name, value } of cookies) fields.push(name, value);
}

function byteLengthOf(body: string | Buffer | PartedText): number {
  return typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength;
}
