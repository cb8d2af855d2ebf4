import type { ReceivedRequest, Reply, RequestError } from '../reply/reply.ts';
import { cellsOf, printable, wrapWords } from './terminal-text.ts';
import { drawRows, type Paint } from './tree-layout.ts';
import { treeRows } from './tree-rows.ts';

export interface TextOptions {
  /** Colours; none if absent. */
  readonly paint?: Paint | undefined;
  /** Number of columns to fit the text into; unlimited if absent. */
  readonly width?: number | undefined;
}

const unpainted: Paint = (_style, text) => text;

/** Narrowest width, in columns, that the layout supports. */
const leastWidth = 40;

/**
 * Renders a reply for a terminal: the request, a tree of the calls with statuses, times and bars, the error and the body.
 *
 * With a width, bars shrink, pods are shortened and notes continue under their row. Names, statuses and times stay
 * whole. Paths, commands and bodies are not wrapped, so that they can be copied.
 *
 * @example
 * process.stdout.write(renderText(reply, { width: process.stdout.columns }));
 */
export function renderText(reply: Reply, { paint = unpainted, width: columns }: TextOptions = {}): string {
  const { request, traceId, error, body } = reply;
  const width = columns === undefined ? Number.POSITIVE_INFINITY : Math.max(leastWidth, columns);
  const lines = [
    ...(request === undefined ? [] : [printable(requestText(request))]),
    ...drawRows(treeRows(reply), paint, width),
    ...(error === undefined ? [] : ['', ...errorLines(error, width)]),
    ...(body === undefined ? [] : ['', ...body.split('\n').map(printable)]),
    ...(reply.try ?? []).map((command) => `  ${printable(command)}`),
    ...(traceId === undefined ? [] : ['', printable(`trace ${traceId}`)]),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** Returns the method and the URI of a request. The path of a gRPC method says both. */
function requestText({ method, uri }: ReceivedRequest): string {
  return uri === `/${method}` ? method : `${method} ${uri}`;
}

function errorLines({ message, caret = [] }: RequestError, width: number): string[] {
  const [text, pointer] = caret.map(printable);
  return [
    ...wrapWords(printable(message), width),
    ...(text === undefined ? [] : [text]),
    ...(pointer === undefined ? [] : pointerLines(pointer, width)),
  ];
}

/** Breaks a wide line after its caret, which must stay under its character. */
function pointerLines(pointer: string, width: number): string[] {
  const end = pointer.indexOf('^') + 1;
  if (cellsOf(pointer) <= width) return [pointer];
  return [pointer.slice(0, end), ...wrapWords(pointer.slice(end).trimStart(), width)];
}
