import { MeshmockError } from '../../error/meshmock-error.ts';

/** Levels of the log, from the least to the most. */
export const logLevels = ['silent', 'error', 'warn', 'info', 'debug'] as const;

export type LogLevel = (typeof logLevels)[number];

/** Parses the name of a log level. @throws MeshmockError `usage` */
export function parseLogLevel(value: string): LogLevel {
  const level = logLevels.find((known) => known === value);
  if (level !== undefined) return level;
  throw new MeshmockError('usage', `"${value}" is not a log level: expected ${logLevels.join(', ')}`);
}
