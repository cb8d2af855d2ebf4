import { pino } from 'pino';
import { firstBytes } from '../error/text-bytes.ts';
import type { RefusalReason } from '../execute/budgets/refusals.ts';
import type { Role } from '../execute/role.ts';
import type { AnsweredRequest } from '../execute/service.ts';
import type { Identity } from '../reply/reply.ts';
import type { LogLevel } from './settings/log-level.ts';

/** Log of a service. */
export interface Logger {
  /** Logs an answered request: at `warn` if this service had a problem, or else at `info`. */
  answered(answered: AnsweredRequest): void;
  /** Logs how many requests were refused since the last line about the same bound, at `warn`. */
  refused(bound: RefusalReason, count: number): void;
  /** Logs a client whose connection did not succeed, at `warn`. It writes at most one line a second. */
  unusable(problem: string): void;
  /** Logs that changed files of TLS are in effect, or at `warn` why they cannot be used. */
  tlsFiles(problem: string | undefined): void;
}

/**
 * Creates a logger that writes one JSON object per line to standard output, and cuts long texts. For `echo-basic` it
 * writes the lines of that server instead, at each level but `silent`: tests look for them.
 *
 * @param maxLineBytes maximum size of the texts of a line, in bytes
 */
export function createLogger(
  { service, version }: Identity,
  level: LogLevel,
  role: Role,
  maxLineBytes: number,
): Logger {
  if (role.kind === 'echo' && role.form === 'echo-basic' && level !== 'silent') return echoLogger(maxLineBytes);
  const log = pino({ level, base: { service, version }, formatters: { level: (label) => ({ level: label }) } });
  return {
    answered(answered) {
      if (answered.problem === undefined && !log.isLevelEnabled('info')) return;
      const { request, problem, ...facts } = isShort(answered, maxLineBytes)
        ? answered
        : shorten(answered, maxLineBytes);
      const { protocol, method, uri } = request;
      const line = { protocol, method, uri, ...facts };
      if (problem === undefined) log.info(line, 'answered');
      else log.warn({ ...line, problem }, 'answered with a problem');
    },
    refused: (bound, count) => log.warn({ bound, count }, 'refused requests'),
    unusable: oncePerSecond((problem) => log.warn({ problem }, 'a client could not be served')),
    tlsFiles(problem) {
      if (problem === undefined) log.info('the changed files of TLS are in effect');
      else log.warn({ problem }, 'the changed files of TLS cannot be used: the old ones stay in effect');
    },
  };
}

/** Log of `echo-basic` (kubernetes-sigs/gateway-api, `echoHandler` of echo-basic.go), without the address of the client. */
function echoLogger(maxLineBytes: number): Logger {
  return {
    answered({ request: { uri } }) {
      process.stdout.write(`Echoing back request made to ${cutText(uri, maxLineBytes)} to client\n`);
    },
    refused() {},
    unusable() {},
    tlsFiles() {},
  };
}

/** Returns a function that drops calls within a second after the last one that it passed on. */
function oncePerSecond(write: (text: string) => void): (text: string) => void {
  let writtenAt = Number.NEGATIVE_INFINITY;
  return (text) => {
    const now = performance.now();
    if (now - writtenAt < 1000) return;
    writtenAt = now;
    write(text);
  };
}

/** Maximum number of bytes of a character in UTF-8. */
const mostBytes = 3;

/** Reports whether the texts of a request that its client chooses surely fit into a line. */
function isShort({ request, requestId, traceId = '', problem = '' }: AnsweredRequest, maxLineBytes: number): boolean {
  const length = request.uri.length + requestId.length + traceId.length + problem.length + request.method.length;
  return mostBytes * length <= maxLineBytes;
}

/** Shortens the texts of a request so that they fit into a line. Path and problem share what the ids leave. */
function shorten({ request, requestId, problem, ...facts }: AnsweredRequest, maxLineBytes: number): AnsweredRequest {
  const shownId = cutText(requestId, Math.min(maxIdBytes, maxLineBytes / 4));
  const leftBytes = maxLineBytes - Buffer.byteLength(shownId);
  const shownProblem = problem === undefined ? undefined : cutText(problem, leftBytes / 2);
  const uri = cutText(request.uri, leftBytes - Buffer.byteLength(shownProblem ?? ''));
  return { request: { ...request, uri }, requestId: shownId, problem: shownProblem, ...facts };
}

const maxIdBytes = 200;

/** Returns a text, or its beginning and its whole size. */
function cutText(text: string, bytes: number): string {
  const size = Buffer.byteLength(text);
  return size <= bytes ? text : `${firstBytes(text, Math.max(0, Math.floor(bytes)))}… (${size} bytes)`;
}
