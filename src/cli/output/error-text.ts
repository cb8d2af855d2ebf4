import type { MeshmockError } from '../../error/meshmock-error.ts';
import { caretLines } from '../../error/text-place.ts';
import { printable } from '../../render/terminal-text.ts';

/** What standard error shows of what somebody got wrong, with a caret where the place is known. */
export function errorText({ message, place }: MeshmockError): string {
  const lines = message.split('\n').map(printable).join('\n');
  return [`meshmock: ${lines}`, ...(place === undefined ? [] : caretLines(place))].join('\n');
}
