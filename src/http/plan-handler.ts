import type { IncomingMessage, ServerResponse } from 'node:http';
import { MeshmockError } from '../error/meshmock-error.ts';
import { isEntry } from '../execute/allowance.ts';
import { type Answer, answer } from '../execute/answer.ts';
import type { RequestBudget } from '../execute/budgets/budgets.ts';
import { enoughRoom, RequestParseRoom } from '../execute/budgets/parse-room.ts';
import { type Service, signature } from '../execute/service.ts';
import { mayPassBodyOn } from '../plan/fields.ts';
import { type Header, headerFields } from '../plan/plan.ts';
import { dividedBody } from '../reply/divided-body.ts';
import { errorReply } from '../reply/error-reply.ts';
import { encodeReply } from '../reply/json.ts';
import { copiesOfText, heldBytesOf, PartedText } from '../reply/long-parts.ts';
import { signatureHeader } from '../reply/mesh-headers.ts';
import { type EncodedReply, encode, pathOfTarget, plainBody, plainHeaders } from './codec.ts';
import { encodeEcho } from './echo-form.ts';
import { eventsOf, sendInParts } from './paced-answer.ts';
import { loadPageEncoder, type PageEncoder } from './pages/page-answer.ts';
import { isLoadedInAdvance, wantsPage } from './pages/wants-page.ts';
import type { RequestTurn } from './pipeline.ts';
import { hasBody, readRequestBody } from './request-body.ts';
import { eventStream } from './streams/event-stream.ts';

/**
 * Answers a request for a plan.
 *
 * @param isLast reports whether the answer is the last of its connection
 */
export async function handlePlan(
  service: Service,
  request: IncomingMessage,
  response: ServerResponse,
  turn: RequestTurn,
  budget: RequestBudget,
  isLast: () => boolean,
): Promise<void> {
  if (service.page !== undefined && isLoadedInAdvance(request)) {
    refuseToLoadInAdvance(service, request, response);
    return;
  }
  const path = pathOfTarget(request.url ?? '/');
  const body = hasBody(request) ? await readRequestBody(request, mayPassBodyOn(path), budget, turn) : undefined;
  if (body === undefined) request.resume();
  else if (!request.complete) {
    turn.reset();
    return;
  }
  turn.endArrival();
  const answered = await answer(service, {
    protocol: 'http',
    method: request.method ?? '',
    plan: { kind: 'path', path },
    body,
    headers: plainHeaders(request.headers),
    connection: request.httpVersion === '1.0' ? { ...turn.facts, httpVersion: '1.0' } : turn.facts,
    signal: turn.signal,
    budget,
  });
  if (answered.kind === 'reset') {
    turn.reset();
    return;
  }
  const page = service.page !== undefined && wantsPage(request) ? await loadPageEncoder() : undefined;
  if (isLast()) response.shouldKeepAlive = false;
  const encoded = encodeAnswer(service, answered, request, budget, page);
  if (isSentInParts(answered, request)) await sendParted(service, answered, encoded, response, turn, budget);
  else send(service, encoded, request, response, turn, budget);
}

/** Answers a browser that guesses which URL its user opens next. It drops the answer, and sends the request again if so. */
function refuseToLoadInAdvance({ identity }: Service, request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  const fields = [signatureHeader, signature(identity), 'cache-control', 'no-store', 'content-length', '0'];
  response.writeHead(503, fields).end();
}

/** Reports whether an answer is sent in parts, or with trailers. Errors and answers without content have neither. */
function isSentInParts({ paced, trailers, reply }: ReplyAnswer, { method }: IncomingMessage): boolean {
  if (paced === undefined && trailers.length === 0) return false;
  return reply.error === undefined && method !== 'HEAD' && !withoutContent.has(reply.status);
}

async function sendParted(
  service: Service,
  { reply, paced, trailers, body: ownBody }: ReplyAnswer,
  { status, headers, contentType, body, fields: ownFields = [] }: EncodedAnswer,
  response: ServerResponse,
  turn: RequestTurn,
  budget: RequestBudget,
): Promise<void> {
  const pace = paced ?? { kind: 'chunks', count: 1, intervalMs: 0, deadlineAt: Number.POSITIVE_INFINITY };
  const isEvents = pace.kind === 'events';
  const content = isEvents ? encodeReply(reply) : body;
  budget.settle(heldBytesOf(content));
  const fields = [signatureHeader, signature(service.identity), 'x-content-type-options', 'nosniff'];
  addHeaders(fields, headers);
  fields.push(...ownFields);
  fields.push('content-type', isEvents ? eventStream : contentType);
  if (isEvents) fields.push('cache-control', 'no-store');
  // HTTP/1.0 has no trailers, and Node refuses to announce them.
  const sent = response.req.httpVersion === '1.0' ? [] : trailers;
  const names = headerFields(sent);
  if (sent.length > 0) fields.push('trailer', Object.keys(names).join(', '));
  response.writeHead(status, fields);
  const parts = isEvents ? eventsOf(ownBody ?? eventText, pace.count, content) : dividedBody(content, pace.count);
  await sendInParts(parts, pace, names, response, turn);
}

/** Text of an event without a directive that sets it. */
const eventText = 'event';

const withoutContent: ReadonlySet<number> = new Set([204, 205, 304]);

type ReplyAnswer = Extract<Answer, { kind: 'reply' }>;

/** Answer as it is sent. */
interface EncodedAnswer extends EncodedReply {
  readonly status: number;
  readonly headers: readonly Header[];
  /** Further headers of a page: names and values in turn. */
  readonly fields?: readonly string[];
}

/** Encodes an answer, and reports it as sent. An answer that cannot be encoded becomes an error. */
function encodeAnswer(
  service: Service,
  answered: ReplyAnswer,
  request: IncomingMessage,
  budget: RequestBudget,
  page: PageEncoder | undefined,
): EncodedAnswer {
  const { reply, headers, isPlain } = answered;
  try {
    const alone = bodyAlone(answered, request);
    if (alone !== undefined) {
      answered.sent();
      return { status: reply.status, headers, ...alone };
    }
    const isEcho = service.role.kind === 'echo' && reply.error === undefined;
    // A browser gets the text of the servers that a role imitates.
    const isText = isPlain && reply.body !== undefined;
    const asPage = isEcho || isText ? undefined : page?.(service, reply, budget);
    const encoded =
      asPage ??
      (isEcho
        ? encodeEcho(service.role.form, reply, request)
        : encode(reply, request, new RequestParseRoom(service.budgets, budget, copiesOfText), isPlain));
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
  { status, headers, contentType, body: made, fields: ownFields }: EncodedAnswer,
  request: IncomingMessage,
  response: ServerResponse,
  turn: RequestTurn,
  budget: RequestBudget,
): void {
  const body = status === resetContent ? '' : made;
  const bytes = byteLengthOf(body);
  budget.settle(heldBytesOf(body));
  turn.beginAnswer(bytes);
  const fields = [signatureHeader, signature(identity), 'x-content-type-options', 'nosniff'];
  if (headers.length > 0) addHeaders(fields, headers);
  // After those of directives: of two policies, a browser follows both.
  if (ownFields !== undefined) fields.push(...ownFields);
  if (status !== noContent) fields.push('content-type', contentType, 'content-length', String(bytes));
  response.writeHead(status, fields);
  // Characters of ASCII alone, which Node writes faster if it knows.
  if (typeof body === 'string') response.end(body, bytes === body.length ? 'latin1' : 'utf8');
  else if (!(body instanceof PartedText)) response.end(body);
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
