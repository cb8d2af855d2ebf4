import type { MeshmockError } from '../../error/meshmock-error.ts';
import { caretLines } from '../../error/text-place.ts';
import { printable } from '../../render/terminal-text.ts';

/** Formats an error for standard error, with a caret if its place is known. */
export function errorText({ message, place }: MeshmockError): string {
  const lines = message.split('\n').map(printable).join('\n');
  return [`meshmock: ${lines}`, ...(place === undefined ? [] : caretLines(place))].join('\n');
}
