import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { Pace, type PaceTimes } from '../execute/concurrency/pace.ts';
import { type Body, buffersOf } from '../reply/divided-body.ts';
import type { FilledText } from '../reply/long-parts.ts';
import type { RequestTurn } from './pipeline.ts';
import { replyEvent } from './streams/event-stream.ts';

/** Time after the deadline of a request in which its client may go, in milliseconds. */
const graceMs = 1000;

/**
 * Sends a body in parts: the first one at once, the others one in each interval. A client that does not read delays them.
 * The connection, or the stream of HTTP/2, is reset if the deadline of the request passes before the end.
 *
 * @param trailers names and values, in turn
 */
export async function sendInParts(
  parts: Iterable<Iterable<Buffer>>,
  times: PaceTimes,
  trailers: Readonly<Record<string, string>>,
  response: ServerResponse,
  turn: RequestTurn,
): Promise<void> {
  const { signal } = turn;
  const pace = new Pace(times, signal);
  try {
    for (const part of parts) {
      if (!(await pace.next())) {
        // A caller with the same deadline reports it, and not the reset.
        await setTimeout(graceMs, undefined, { signal });
        turn.reset();
        return;
      }
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
