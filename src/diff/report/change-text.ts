import { isDeepStrictEqual } from 'node:util';
import { printable } from '../../render/terminal-text.ts';
import type { FieldChange, FieldState } from '../cause.ts';
import { cut, cutBoth } from '../cut-texts.ts';
import type { Difference } from '../difference.ts';

/** Returns the change of the field that caused differences; undefined if it is not known, or not the same for all. */
export function changeOf(differences: readonly Difference[]): FieldChange | undefined {
  const [first, ...others] = differences.map(({ causes: [cause, other] }) =>
    other === undefined ? cause?.change : undefined,
  );
  return others.every((other) => isDeepStrictEqual(first, other)) ? first : undefined;
}

/** Number of characters of a value that a report shows. */
const mostCharacters = 40;

/**
 * Returns a change as people read it behind the name of its field. Large objects are left out.
 *
 * @example
 * changeText({ before: { kind: 'value', value: '5xx' }, after: { kind: 'value', value: 'reset' } }); // ': 5xx → reset'
 * changeText({ before: { kind: 'absent' }, after: { kind: 'value', value: '1s' } }); // ': 1s (new)'
 */
export function changeText(change: FieldChange | undefined): string {
  if (change === undefined) return '';
  const { before, after } = change;
  if (before.kind === 'absent') return after.kind === 'absent' ? '' : `${behindColon(shownValue(after))} (new)`;
  if (after.kind === 'absent') return `${behindColon(shownValue(before))} (removed)`;
  const [old, recent] = [shownValue(before, after), shownValue(after, before)];
  return old === undefined || recent === undefined ? '' : behindColon(cutBoth(old, recent, mostCharacters).join(' → '));
}

function behindColon(text: string | undefined): string {
  return text === undefined ? '' : `: ${text}`;
}

/** Returns the text of a value, of objects only the fields that the other side has not; undefined for a large object. */
function shownValue(state: FieldState, other?: FieldState): string | undefined {
  if (state.kind !== 'value') return undefined;
  const { value } = state;
  if (typeof value !== 'object' || value === null)
    return other === undefined ? cut(scalarText(value), mostCharacters) : scalarText(value);
  const otherValue = other?.kind === 'value' ? other.value : undefined;
  const text = Array.isArray(value) ? nestedText(value) : fieldsText(differentFields(value, otherValue));
  return text.length > mostCharacters ? undefined : text;
}

function differentFields(value: object, other: unknown): object {
  if (typeof other !== 'object' || other === null) return value;
  const fields = new Map(Object.entries(other));
  return Object.fromEntries(Object.entries(value).filter(([key, one]) => !isDeepStrictEqual(one, fields.get(key))));
}

function fieldsText(value: object): string {
  const fields = Object.entries(value).map(([key, one]) => `${scalarText(key)}: ${nestedText(one)}`);
  return fields.length === 0 ? '{}' : fields.join(', ');
}

function nestedText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(nestedText).join(', ')}]`;
  return typeof value === 'object' && value !== null ? `{${fieldsText(value)}}` : scalarText(value);
}

function scalarText(value: unknown): string {
  return value === '' ? '""' : printable(String(value).replaceAll(/\s+/g, ' '));
}
