import { isDeepStrictEqual } from 'node:util';
import { type Json, objectsAt, valueAt } from '../../diff/pieces/json.ts';
import { isScalable, isWorkload, type KubeObject } from '../../istio/resources/objects.ts';
import { givenAt, pairsAt, shownAt } from './fields.ts';
import { count } from './words.ts';

/** Longest value of a field in words. */
const longestValue = 60;

/** Labels that Kubernetes and Istio set themselves. */
const ownLabels =
  /^(?:pod-template-hash|controller-revision-hash|pod-template-generation|(?:[\w.-]+\.)?istio\.io\/.*)$/;

/** Returns a sentence about the pods of a workload, or about a pod. */
export function aboutWorkload(object: KubeObject): string {
  const labels = podLabels(object).filter(([name]) => !ownLabels.test(name));
  const named = labels.map(([name, value]) => `${name}=${value}`).join(', ');
  const suffix = named === '' ? '' : ` with the labels ${named}`;
  if (object.kind === 'Pod') return `A pod${suffix}.`;
  if (!isScalable(object)) return `Runs a pod on each node${suffix}.`;
  const replicas = replicasOf(object);
  return `Runs ${count(replicas, 'pod')}${suffix}.`;
}

/**
 * Returns what has changed in a workload or a pod, in words.
 *
 * @example
 * workloadWords(before, after); // ['replicas 1 → 2', 'label version: v1 → v2']
 */
export function workloadWords(before: KubeObject, after: KubeObject): string[] {
  const [old, now] = [podTemplate(before), podTemplate(after)];
  const words = [
    ...(isScalable(before) && isScalable(after) ? arrow('replicas', replicasOf(before), replicasOf(after)) : []),
    ...mapWords('label', podLabels(before), podLabels(after)),
    ...(isWorkload(before) ? mapWords('own label', ownLabelsOf(before), ownLabelsOf(after)) : []),
    ...mapWords('annotation', annotationsOf(old), annotationsOf(now)),
    ...containerWords(valueAt(old, 'spec'), valueAt(now, 'spec')),
  ];
  return words.length > 0 || isDeepStrictEqual(before.spec, after.spec) ? words : ['other fields'];
}

function replicasOf({ spec }: KubeObject): string {
  return givenAt(spec as Json, 'replicas') ?? '1';
}

/** Returns the template of a workload's pods; a pod is its own. */
function podTemplate(object: KubeObject): Json | undefined {
  return isWorkload(object) ? valueAt(object.spec as unknown as Json, 'template') : (object as unknown as Json);
}

type Pairs = readonly (readonly [name: string, value: string])[];

function podLabels(object: KubeObject): Pairs {
  return pairsAt(podTemplate(object), 'metadata', 'labels');
}

function ownLabelsOf({ metadata }: KubeObject): Pairs {
  return pairsAt(metadata as Json, 'labels');
}

function annotationsOf(template: Json | undefined): Pairs {
  return pairsAt(template, 'metadata', 'annotations');
}

function mapWords(what: string, before: Pairs, after: Pairs): string[] {
  const [old, now] = [new Map(before), new Map(after)];
  const names = [...new Set([...old.keys(), ...now.keys()])].sort();
  return names.flatMap((name) => arrow(`${what} ${name}:`, old.get(name), now.get(name)));
}

function containerWords(before: Json | undefined, after: Json | undefined): string[] {
  const [old, now] = [before, after].map(
    (spec) => new Map(objectsAt(spec, 'containers').map((one) => [shownAt(one, 'name'), one])),
  );
  const names = [...new Set([...(old?.keys() ?? []), ...(now?.keys() ?? [])])];
  const containers = names.flatMap((name) => {
    const [one, other] = [old?.get(name), now?.get(name)];
    if (one === undefined || other === undefined)
      return [`container ${name} ${one === undefined ? 'added' : 'removed'}`];
    const fields = [...new Set([...Object.keys(one), ...Object.keys(other)])].filter(
      (field) => field !== 'image' && !isDeepStrictEqual(one[field], other[field]),
    );
    const others = fields.length === 0 ? [] : [`${fields.join(', ')} of container ${name}`];
    return [...arrow(`image of ${name}:`, givenAt(one, 'image'), givenAt(other, 'image')), ...others];
  });
  const account = 'serviceAccountName';
  return [...containers, ...arrow('service account', givenAt(before, account), givenAt(after, account))];
}

/** Returns a difference as `NAME OLD → NEW`; nothing if there is none. */
function arrow(name: string, before: string | undefined, after: string | undefined): string[] {
  if (before === after) return [];
  const [old, now] = [before, after].map((value) => (value === undefined ? undefined : shortValue(value)));
  if (old === undefined) return [`${name} ${now} added`];
  return [now === undefined ? `${name} ${old} removed` : `${name} ${old} → ${now}`];
}

function shortValue(value: string): string {
  return value.length > longestValue ? `${value.slice(0, longestValue)}…` : value;
}
