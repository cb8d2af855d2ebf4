import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import type { PacedAnswer } from '../execute/directives/apply-directives.ts';
import { type FilledText, PartedText } from '../reply/long-parts.ts';
import type { RequestTurn } from './pipeline.ts';
import { replyEvent } from './streams/event-stream.ts';

/** Time after the deadline of a request in which its client may go, in milliseconds. */
const graceMs = 1000;

/** Body of an answer in any of its forms. */
type Body = string | Buffer | PartedText;

/**
 * Sends a body in parts: the first one at once, the others one in each interval. A client that does not read delays them.
 * The connection, or the stream of HTTP/2, is reset if the deadline of the request passes before the end.
 *
 * @param trailers names and values, in turn
 */
export async function sendInParts(
  parts: Iterable<Iterable<Buffer>>,
  { intervalMs, deadlineAt }: Pick<PacedAnswer, 'intervalMs' | 'deadlineAt'>,
  trailers: Readonly<Record<string, string>>,
  response: ServerResponse,
  turn: RequestTurn,
): Promise<void> {
  const { signal } = turn;
  let nextAt = performance.now();
  try {
    for (const part of parts) {
      await waitUntil(Math.min(nextAt, deadlineAt), signal);
      if (nextAt > deadlineAt) {
        // A caller with the same deadline reports it, and not the reset.
        await setTimeout(graceMs, undefined, { signal });
        turn.reset();
        return;
      }
      // From now, so that parts which are late do not arrive together.
      nextAt = performance.now() + intervalMs;
      for (const buffer of part) {
        turn.beginPart(buffer.length);
        if (!response.write(buffer)) await once(response, 'drain', { signal });
        turn.endPart();
      }
    }
    response.addTrailers(trailers);
    turn.beginAnswer(0);
    response.end();
  } catch (error) {
    // The client has gone.
    if (!signal.aborted) throw error;
  }
}

async function waitUntil(time: number, signal: AbortSignal): Promise<void> {
  const waitMs = time - performance.now();
  if (waitMs > 0) await setTimeout(Math.ceil(waitMs), undefined, { signal });
}

/** Divides a body into parts of about the same size. None is empty. */
export function* dividedBody(body: Body, count: number): Generator<Buffer[]> {
  const buffers = buffersOf(body);
  const total = buffers.reduce((sum, { length }) => sum + length, 0);
  let index = 0;
  let from = 0;
  let sent = 0;
  for (let part = 1; part <= count; part++) {
    const end = Math.floor((total * part) / count);
    const slices: Buffer[] = [];
    while (sent < end) {
      const buffer = buffers[index] ?? Buffer.alloc(0);
      const slice = buffer.subarray(from, from + end - sent);
      slices.push(slice);
      sent += slice.length;
      from += slice.length;
      if (from === buffer.length) {
        index++;
        from = 0;
      }
    }
    if (slices.length > 0) yield slices;
  }
}

/** Makes events that each have a text, and at last one that has the reply. */
export function* eventsOf(text: string | FilledText, count: number, reply: Body): Generator<Iterable<Buffer>> {
  const data = typeof text === 'string' ? [Buffer.from(dataLines(text))] : [...text.chunks()];
  for (let id = 1; id <= count; id++) yield [Buffer.from(`id: ${id}\ndata: `), ...data, endOfEvent];
  yield replyEventOf(reply);
}

/** Makes the event of a reply, each part when it is sent. */
function* replyEventOf(reply: Body): Generator<Buffer> {
  yield Buffer.from(`event: ${replyEvent}\ndata: `);
  for (const buffer of buffersOf(reply)) yield inOneLine(buffer);
  yield endOfEvent;
}

const endOfEvent = Buffer.from('\n\n');
const newline = 0x0a;
const carriageReturn = 0x0d;

/** Returns a text whose lines after the first one are further lines of data. */
function dataLines(text: string): string {
  return text.replaceAll(/\r\n?|\n/g, '\ndata: ');
}

/** Returns JSON in one line. It has the same length: ends of lines are space between its values. */
function inOneLine(json: Buffer): Buffer {
  if (!json.includes(newline) && !json.includes(carriageReturn)) return json;
  return Buffer.from(json.toString('latin1').replaceAll(/[\r\n]/g, ' '), 'latin1');
}

function buffersOf(body: Body): readonly Buffer[] {
  if (body instanceof PartedText) return body.parts;
  return [typeof body === 'string' ? Buffer.from(body) : body];
}
