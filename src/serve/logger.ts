import { pino } from 'pino';
import type { AnsweredRequest } from '../execute/service.ts';
import type { Identity } from '../reply/reply.ts';
import type { LogLevel } from './log-level.ts';

export interface Logger {
  /** One line for a request: at `warn` when something went wrong at this service itself, else at `info`. */
  answered(answered: AnsweredRequest): void;
}

/** Logs to standard output, one JSON object a line. */
export function createLogger({ service, version }: Identity, level: LogLevel): Logger {
  const log = pino({ level, base: { service, version }, formatters: { level: (label) => ({ level: label }) } });
  return {
    answered({ request: { protocol, method, uri }, problem, ...facts }) {
      const line = { protocol, method, uri, ...facts };
      if (problem === undefined) log.info(line, 'answered');
      else log.warn({ ...line, problem }, 'answered with a problem');
    },
  };
}
