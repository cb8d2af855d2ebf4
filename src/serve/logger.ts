import { pino } from 'pino';
import type { AnsweredRequest } from '../execute/service.ts';
import type { Identity } from '../reply/reply.ts';
import type { LogLevel } from './settings/log-level.ts';

/** Log of a service. */
export interface Logger {
  /** Logs an answered request: at `warn` if this service had a problem, or else at `info`. */
  answered(answered: AnsweredRequest): void;
}

/** Creates a logger that writes one JSON object per line to standard output. */
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
