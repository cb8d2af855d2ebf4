import type { MeshmockError } from '../../error/meshmock-error.ts';
import { caretLines } from '../../error/text-place.ts';
import { printable } from '../../render/terminal-text.ts';

/** Number of errors of one input that are shown. */
const mostErrors = 20;

/** Formats an error for standard error, with a caret if its place is known. Further errors of the same input follow. */
export function errorText(error: MeshmockError): string {
  const all = [error, ...error.others];
  const more = all.length - mostErrors;
  return [
    ...all.slice(0, mostErrors).map(singleErrorText),
    ...(more > 0 ? [`meshmock: and ${more} more ${more === 1 ? 'error' : 'errors'}`] : []),
  ].join('\n');
}

function singleErrorText({ message, place }: MeshmockError): string {
  const lines = message.split('\n').map(printable).join('\n');
  return [`meshmock: ${lines}`, ...(place === undefined ? [] : caretLines(place))].join('\n');
}
