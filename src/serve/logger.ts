import { pino } from 'pino';
import type { Role } from '../execute/role.ts';
import type { AnsweredRequest } from '../execute/service.ts';
import type { Identity } from '../reply/reply.ts';
import type { LogLevel } from './settings/log-level.ts';

/** Log of a service. */
export interface Logger {
  /** Logs an answered request: at `warn` if this service had a problem, or else at `info`. */
  answered(answered: AnsweredRequest): void;
}

/**
 * Creates a logger that writes one JSON object per line to standard output. For `echo-basic` it writes the lines of that
 * server instead, at each level but `silent`: tests look for them.
 */
export function createLogger({ service, version }: Identity, level: LogLevel, role: Role): Logger {
  if (role.kind === 'echo' && role.form === 'echo-basic' && level !== 'silent') return echoLogger;
  const log = pino({ level, base: { service, version }, formatters: { level: (label) => ({ level: label }) } });
  return {
    answered({ request: { protocol, method, uri }, problem, ...facts }) {
      const line = { protocol, method, uri, ...facts };
      if (problem === undefined) log.info(line, 'answered');
      else log.warn({ ...line, problem }, 'answered with a problem');
    },
  };
}

/** Log of `echo-basic` (kubernetes-sigs/gateway-api, `echoHandler` of echo-basic.go), without the address of the client. */
const echoLogger: Logger = {
  answered({ request: { uri } }) {
    process.stdout.write(`Echoing back request made to ${uri} to client\n`);
  },
};
