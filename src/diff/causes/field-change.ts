import type { FieldChange, FieldState } from '../cause.ts';
import { withoutSecrets } from '../secret-fields.ts';
import type { SecretMarks } from '../secret-values.ts';
import type { ChangedObject } from './changed-objects.ts';
import { type ChangedPart, type FieldPath, fieldValue } from './changed-parts.ts';

/**
 * Returns the values at a place of an object on both sides, with texts in the place of secrets; undefined if the place is
 * not the same field for all parts.
 *
 * @param parts changed parts, all inside the place
 */
export function fieldChange(
  object: ChangedObject,
  parts: readonly ChangedPart[],
  place: FieldPath,
  secrets: SecretMarks,
): FieldChange | undefined {
  const state = (side: ChangedPart['side']): FieldState | undefined => {
    const [path, another] = new Set(parts.map((part) => JSON.stringify(pathOn(side, part, place))));
    if (path === undefined || another !== undefined) return undefined;
    const [manifest, keys] = [object[side]?.object, JSON.parse(path) as FieldPath];
    const value = path === absentPath ? undefined : fieldValue(manifest, keys);
    if (value === undefined) return { kind: 'absent' };
    if (isHidden(object, place) || hasVariables(value)) return { kind: 'hidden' };
    return { kind: 'value', value: withoutSecrets(manifest, keys, secrets) };
  };
  const [before, after] = [state('before'), state('after')];
  return before === undefined || after === undefined ? undefined : { before, after };
}

/** Path on a side that does not have the part, as JSON. */
const absentPath = 'null';

/** Returns the path of a place on a side, which insertions move; `null` if the side does not have the part. */
function pathOn(side: ChangedPart['side'], part: ChangedPart, place: FieldPath): FieldPath | null {
  const { length } = place;
  if (side === part.side) return [...part.path.slice(0, length), ...place.slice(part.path.length)];
  if (length > part.otherPath.length && part.isWhole) return null;
  return [...part.otherPath.slice(0, length), ...place.slice(part.otherPath.length)];
}

/** Reports whether reports do not show a value: that of a Secret, of a variable of a container, or a whole object. */
function isHidden({ kind }: ChangedObject, place: FieldPath): boolean {
  return kind === 'Secret' || place.includes('env') || place.length === 0;
}

/** Reports whether a value has variables of containers inside. */
function hasVariables(value: unknown): boolean {
  return JSON.stringify(value).includes('"env":');
}
