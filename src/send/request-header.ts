import { MeshmockError } from '../error/meshmock-error.ts';
import { headerNameProblem, headerValueProblem } from '../plan/fields.ts';
import type { Header } from '../plan/plan.ts';

/**
 * Parses a header of a request.
 *
 * @example
 * parseHeader('End-User: jason'); // { name: 'end-user', value: 'jason' }
 *
 * @throws MeshmockError `usage`
 */
export function parseHeader(value: string): Header {
  const [, name = '', content = ''] = /^([^:]*):\s*(.*?)\s*$/.exec(value) ?? [];
  const lower = name.toLowerCase();
  // Headers between meshmocks lower the limits of a request, and a body has its type.
  const isAllowed = lower.startsWith('x-meshmock-') || lower === 'content-type';
  const problem = (isAllowed ? undefined : headerNameProblem(lower)) ?? headerValueProblem(lower, content);
  if (problem !== undefined) throw new MeshmockError('usage', `"${value}": expected ${problem}, as 'NAME: VALUE'`);
  return { name: lower, value: content };
}
