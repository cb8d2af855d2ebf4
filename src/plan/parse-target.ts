import type { Cursor } from './cursor.ts';
import * as fields from './fields.ts';
import { wholeNumber } from './parse-option.ts';
import { type Call, defaultPorts, isWebSocket, type Scheme, schemes } from './plan.ts';

/**
 * Parses `[scheme:]host[:port]` at the cursor.
 *
 * @throws MeshmockError `invalid_plan`
 */
export function parseTarget(cursor: Cursor): Pick<Call, 'scheme' | 'host' | 'port'> {
  const scheme = parseScheme(cursor);
  const host = parseHost(cursor);
  const port = cursor.take(':') ? parsePort(cursor, host) : defaultPorts[scheme];
  return { scheme, host, port };
}

/** A host may have the name of a scheme, such as `grpc`: it is only a scheme if a colon and a host follow. */
function parseScheme(cursor: Cursor): Scheme {
  const start = cursor.offset;
  const word = cursor.takeWhile(/[a-z]+/y);
  const scheme = schemes.find((name) => name === word);
  if (scheme === undefined || !cursor.take(':')) {
    cursor.offset = start;
    return 'http';
  }
  if (cursor.peek() === '/') throw cursor.error(`a host directly after "${scheme}:", without slashes`);
  const afterScheme = cursor.offset;
  if (cursor.takeWhile(/\d+(?![A-Za-z0-9._-])/y) !== '') {
    // A host with a port, as before this scheme existed.
    if (scheme === 'tcp' || isWebSocket(scheme)) {
      cursor.offset = start;
      return 'http';
    }
    throw cursor.error(
      `a host after "${scheme}:"; for a service that is called ${scheme}, write ${scheme}:${scheme}:PORT`,
      afterScheme,
    );
  }
  return scheme;
}

function parseHost(cursor: Cursor): string {
  const start = cursor.offset;
  if (cursor.take('[')) {
    const host = cursor.takeWhile(/[0-9A-Fa-f:.]+/y);
    if (!host.includes(':')) throw cursor.error('an IPv6 address', start);
    cursor.check(host, fields.hostProblem, start);
    if (!cursor.take(']')) throw cursor.error('"]" after the IPv6 address');
    return host;
  }
  return cursor.check(cursor.takeWhile(/[A-Za-z0-9._-]+/y), fields.hostProblem, start);
}

function parsePort(cursor: Cursor, host: string): number {
  if (/^[a-z]$/i.test(cursor.peek())) {
    throw cursor.error(`a port, or one of ${schemes.join(', ')} instead of "${host}"`);
  }
  return parseNumber(cursor, 5, fields.portProblem);
}

/** Parses a whole number with at most `digits` digits at the cursor. */
export function parseNumber(cursor: Cursor, digits: number, problemOf: (value: number) => string | undefined): number {
  const start = cursor.offset;
  return cursor.check(wholeNumber(cursor.takeWhile(/\d+/y), digits), problemOf, start);
}
