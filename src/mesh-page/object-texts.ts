import { stringify } from 'yaml';
import { optional } from '../error/optional.ts';
import { configId } from '../istio/live/config-objects.ts';
import type { ObservedObject, RecordedChange, RecordedObject } from '../istio/live/observation.ts';
import { type Manifest, parseManifests } from '../istio/resources/manifest.ts';
import { isWorkload, type KubeObject, namespaceOf } from '../istio/resources/objects.ts';
import type { ChangedObject, ChangedRule, MeshChange, MeshObject, ObjectText } from '../page/model/mesh-page-data.ts';
import { aboutObject } from './describe/purpose.ts';
import { describedRules } from './describe/rules.ts';
import { count } from './describe/words.ts';
import { aboutWorkload, workloadWords } from './describe/workload.ts';
import { lineDifferences } from './line-differences.ts';

/** Maximum number of lines of the differences of a change, and of letters of a line. Each state has all changes. */
const mostLines = 400;
const longestLine = 300;
/** Maximum number of letters of a sentence about a rule. A route with CORS and headers needs more than a line. */
const longestSentence = 600;
const longestReason = 2000;

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
  return source === undefined ? undefined : manifestIn(parseManifests([source]), object);
}

function manifestIn(manifests: readonly Manifest[], object: KubeObject): Manifest | undefined {
  const id = configId(object);
  return manifests.find(
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
  { number, atMs, by, reason, objects, more, sources = [] }: RecordedChange,
  rootNamespace: string,
): MeshChange {
  let left = mostLines;
  const manifests = sources.map((source) => parseManifests([source]));
  const shown = objects.map((one) => {
    const object = changedObject(one, by, manifests[one.source ?? -1] ?? [], rootNamespace, left);
    left -= Math.min(left, object.diff.length);
    return object;
  });
  return {
    number,
    atMs,
    by,
    ...optional('reason', reason && shortened(reason, longestReason)),
    ...optional('limits', limitsText(shown)),
    objects: shown,
    more,
  };
}

/** Says that requests for which a rule is, are not compared apart from the others. */
function limitsText(objects: readonly ChangedObject[]): string | undefined {
  const all = objects.flatMap(({ rules = [] }) => rules.flatMap(({ condition = [] }) => condition));
  const whose = [...new Set(all)].slice(0, 2).join(', or whose ');
  return whose === ''
    ? undefined
    : `Proxies do not count calls whose ${whose} apart: this compares all calls together.`;
}

function changedObject(
  { change, before, after }: RecordedObject,
  by: MeshChange['by'],
  manifests: readonly Manifest[],
  rootNamespace: string,
  most: number,
): ChangedObject {
  const object = (after ?? before) as KubeObject;
  const manifest = manifestIn(manifests, object);
  const rules = changedRules(object, manifest);
  // Of a change that nobody saw, only the new text is known.
  const isKnown = change !== 'changed' || before !== undefined;
  const lines = isKnown ? lineDifferences(linesOf(before), linesOf(after)) : [];
  const diff = [
    ...lines.slice(0, most).map((line) => shortened(line)),
    ...(lines.length > most ? [`  … and ${lines.length - most} more lines`] : []),
  ];
  const isOfPods = isWorkload(object) || object.kind === 'Pod';
  const words = before !== undefined && after !== undefined && isOfPods ? workloadWords(before, after) : [];
  const about = isOfPods ? aboutWorkload(object) : aboutObject(object, rootNamespace);
  return {
    ...nameOf(object),
    change,
    diff,
    ...optional('where', placeOf(manifest, [])),
    about: shortened(`${purposePrefix(object, by === 'refused' ? by : change, words)}${about}`, longestSentence),
    ...(rules.length === 0 ? {} : { rules }),
    ...(words.length === 0 ? {} : { words: words.map((line) => shortened(line)) }),
  };
}

/** Returns the text before the purpose of an object. A deleted one had it, and one that was refused does not have it yet. */
function purposePrefix(
  object: KubeObject,
  change: 'refused' | RecordedObject['change'],
  words: readonly string[],
): string {
  if (change === 'refused') return 'It would have this purpose: ';
  if (words.length > 0)
    return `${object.kind} ${object.metadata.name}: ${words.map((line) => shortened(line)).join('; ')}. `;
  return change === 'deleted' ? 'Until then: ' : '';
}

/** Maximum number of rules of a changed object that are described. */
const mostRules = 5;

/** Returns what the rules and settings of a changed object do. */
function changedRules(object: KubeObject, manifest: Manifest | undefined): ChangedRule[] {
  const rules = describedRules(object);
  const left = rules.length - mostRules;
  return [
    ...rules.slice(0, mostRules).map(({ path, text, condition }) => ({
      text: shortened(text, longestSentence),
      ...optional('condition', condition && shortened(condition)),
      ...optional('where', placeOf(manifest, path)),
    })),
    ...(left > 0 ? [{ text: `And ${count(left, 'more rule')}.` }] : []),
  ];
}

function shortened(text: string, longest = longestLine): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

function nameOf(object: KubeObject): Pick<MeshObject, 'id' | 'kind' | 'namespace' | 'name'> {
  const { kind, metadata } = object;
  return { id: configId(object), kind, namespace: namespaceOf(object), name: metadata.name };
}

function linesOf(object: KubeObject | undefined): string[] {
  return object === undefined ? [] : yamlOf(object).trimEnd().split('\n');
}
