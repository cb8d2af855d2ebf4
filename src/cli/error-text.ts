import { caretLines, type MeshmockError } from '../plan/error.ts';

/** What standard error shows of what somebody got wrong, with a caret where the place is known. */
export function errorText({ message, place }: MeshmockError): string {
  return [`meshmock: ${message}`, ...(place === undefined ? [] : caretLines(place))].join('\n');
}
