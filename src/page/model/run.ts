import { isReply } from '../../reply/is-reply.ts';
import type { Reply } from '../../reply/reply.ts';
import { dataElementId, type PageData } from './page-data.ts';

/** Request that the page has sent, or that the page itself answers, with its result. */
export interface Run {
  /** Unique in this browser, also after the page was loaded again. */
  readonly id: string;
  /** Number of the run in this tab of the browser, from 1. */
  readonly number: number;
  /** Path as it was typed. */
  readonly path: string;
  /** Time of day, such as `14:03:21`. */
  readonly at: string;
  readonly result: RunResult;
}

export type RunResult =
  | { readonly kind: 'reply'; readonly reply: Reply }
  /** Answer that is not a reply, such as that of a proxy on the way. */
  | { readonly kind: 'other'; readonly status: number; readonly text: string }
  /** Redirect, of which browsers show nothing to a page. */
  | { readonly kind: 'redirect' }
  /** No answer. */
  | { readonly kind: 'failed'; readonly message: string };

/** Largest answer that the page reads, in characters. */
const largestAnswer = 16_000_000;

/** Largest text of another answer that is shown, in characters. */
const largestText = 20_000;

/**
 * Reads the text of an answer, which is untrusted: a proxy may have made it, and replies contain those of other programs.
 *
 * @example
 * readAnswer(200, '{"service":"a","status":200}').kind; // 'reply'
 */
export function readAnswer(status: number, text: string): RunResult {
  if (text.length > largestAnswer)
    return { kind: 'failed', message: `the answer has ${text.length} characters, which is more than a page can show` };
  try {
    const value: unknown = JSON.parse(text);
    if (isReply(value)) return { kind: 'reply', reply: value };
  } catch {
    // A text that is not JSON is shown as it is.
  }
  return { kind: 'other', status, text: text.slice(0, largestText) };
}

/** Begin of the data in a page, as its server writes it (`sent-page.ts`). The JSON contains no `<`. */
const dataStart = `id="${dataElementId}">`;

/**
 * Reads the text of an answer that is a page, or the reply itself where a service has no room for a page.
 *
 * @example
 * readPage(200, html).kind; // 'reply'
 */
export function readPage(status: number, text: string): RunResult {
  const at = text.lastIndexOf(dataStart);
  if (at < 0) return readAnswer(status, text);
  const start = at + dataStart.length;
  try {
    const { reply } = JSON.parse(text.slice(start, text.indexOf('<', start))) as Partial<PageData>;
    if (isReply(reply)) return { kind: 'reply', reply };
  } catch {
    // Another page.
  }
  return readAnswer(status, text);
}

/** Returns the result of a run in a word: the status, or that there was no answer. */
export function outcomeOfRun({ result }: Run): string {
  switch (result.kind) {
    case 'reply':
      return result.reply.error === undefined ? String(result.reply.status) : result.reply.error.code;
    case 'other':
      return String(result.status);
    case 'redirect':
      return 'redirect';
    case 'failed':
      return 'no answer';
  }
}
