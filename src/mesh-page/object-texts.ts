import { stringify } from 'yaml';
import { objectsAt, textsAt } from '../diff/pieces/json.ts';
import { optional } from '../error/optional.ts';
import { configId } from '../istio/live/config-objects.ts';
import type { ObservedObject, RecordedChange, RecordedObject } from '../istio/live/observation.ts';
import { type Manifest, parseManifests } from '../istio/resources/manifest.ts';
import { isWorkload, type KubeObject, namespaceOf } from '../istio/resources/objects.ts';
import type { ChangedObject, MeshChange, MeshObject, ObjectText } from '../page/model/mesh-page-data.ts';
import { aboutObject, count, list, specOf } from './describe-object.ts';
import { httpRouteText } from './describe-part.ts';
import { aboutWorkload, workloadWords } from './describe-workload.ts';
import { lineDifferences } from './line-differences.ts';

/** Maximum number of lines of the differences of a change, and of letters of a line. Each state has all changes. */
const mostLines = 400;
const longestLine = 300;
const longestReason = 2000;
const longestPurpose = 900;

/** Returns an object for a list. */
export function meshObject(observed: ObservedObject, rootNamespace: string): MeshObject {
  const { object, changedMs } = observed;
  const where = placeOf(manifestOf(observed), []);
  return {
    ...nameOf(object),
    changedMs,
    ...(where === undefined ? {} : { where }),
    about: shortened(aboutObject(object, rootNamespace)),
  };
}

/** Returns an object with its text. */
export function objectText(observed: ObservedObject, rootNamespace: string): ObjectText {
  return { ...meshObject(observed, rootNamespace), yaml: yamlOf(observed.object) };
}

/** Returns the manifest from which an object was applied. */
export function manifestOf({ object, source }: ObservedObject): Manifest | undefined {
  if (source === undefined) return undefined;
  const id = configId(object);
  return parseManifests([source]).find(
    (one) => configId({ ...one.object, metadata: { ...one.object.metadata, namespace: namespaceOf(object) } }) === id,
  );
}

/** Returns `FILE:LINE` of a field. */
export function placeOf(manifest: Manifest | undefined, path: readonly string[]): string | undefined {
  return manifest?.whereIs(path).replace(/:\d+$/, '');
}

/** Returns YAML of an object or of a part. */
export function yamlOf(value: unknown): string {
  return stringify(value, { lineWidth: 0 });
}

/** Returns a change for the page. */
export function meshChange(
  { number, atMs, by, reason, objects, more }: RecordedChange,
  rootNamespace: string,
): MeshChange {
  let left = mostLines;
  const shown = objects.map((one) => {
    const object = changedObject(one, rootNamespace, left);
    left -= Math.min(left, object.diff.length);
    return object;
  });
  return { number, atMs, by, ...optional('reason', reason && longText(reason)), objects: shown, more };
}

/**
 * Adds the places of objects at the time of changes, in their order. An object that is deleted was at its place before them,
 * and one that was changed last is at its place after them. Others are not known.
 */
export function withPlaces(
  changes: readonly MeshChange[],
  before: readonly MeshObject[],
  after: readonly MeshObject[],
): MeshChange[] {
  const [old, now] = [before, after].map((objects) => new Map(objects.map(({ id, where }) => [id, where])));
  const numbers = Map.groupBy(
    changes.flatMap(({ number, objects }) => objects.map(({ id }) => ({ id, number }))),
    ({ id }) => id,
  );
  const placeAt = (number: number, { id, change }: ChangedObject): string | undefined => {
    const ofObject = numbers.get(id) ?? [];
    if (change === 'deleted') return ofObject[0]?.number === number ? old?.get(id) : undefined;
    return ofObject.at(-1)?.number === number ? now?.get(id) : undefined;
  };
  return changes.map((change) => ({
    ...change,
    objects: change.objects.map((one) => ({ ...one, ...optional('where', placeAt(change.number, one)) })),
  }));
}

function changedObject({ change, before, after }: RecordedObject, rootNamespace: string, most: number): ChangedObject {
  const object = (after ?? before) as KubeObject;
  // Of a change that nobody saw, only the new text is known.
  const isKnown = change !== 'changed' || before !== undefined;
  const lines = isKnown ? lineDifferences(linesOf(before), linesOf(after)) : [];
  const diff = [
    ...lines.slice(0, most).map(shortened),
    ...(lines.length > most ? [`  … and ${lines.length - most} more lines`] : []),
  ];
  const isOfPods = isWorkload(object) || object.kind === 'Pod';
  const words = before !== undefined && after !== undefined && isOfPods ? workloadWords(before, after) : [];
  return {
    ...nameOf(object),
    change,
    diff,
    about: isOfPods ? shortened(aboutWorkload(object)) : longText(purposeOf(object, rootNamespace), longestPurpose),
    ...(words.length === 0 ? {} : { words: words.map(shortened) }),
  };
}

/** Number of rules of a changed VirtualService that are described. */
const mostRules = 5;

/** Returns the purpose of a changed object: of a VirtualService, also what its rules do. */
function purposeOf(object: KubeObject, rootNamespace: string): string {
  const rules = object.kind === 'VirtualService' ? objectsAt(specOf(object), 'http') : [];
  if (rules.length === 0) return aboutObject(object, rootNamespace);
  const hosts = list(textsAt(specOf(object), 'hosts'));
  const more = rules.length > mostRules ? [`And ${count(rules.length - mostRules, 'more rule')}.`] : [];
  const texts = [...rules.slice(0, mostRules).map((rule) => shortened(httpRouteText(rule))), ...more];
  return `Decides about requests to ${hosts}. ${texts.join(' ')}`;
}

function shortened(line: string): string {
  return line.length > longestLine ? `${line.slice(0, longestLine)}…` : line;
}

function longText(text: string, longest = longestReason): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

function nameOf(object: KubeObject): Pick<MeshObject, 'id' | 'kind' | 'namespace' | 'name'> {
  const { kind, metadata } = object;
  return { id: configId(object), kind, namespace: namespaceOf(object), name: metadata.name };
}

function linesOf(object: KubeObject | undefined): string[] {
  return object === undefined ? [] : yamlOf(object).trimEnd().split('\n');
}
