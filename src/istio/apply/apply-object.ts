import { isDeepStrictEqual } from 'node:util';
import type { KubeClient, WriteOptions } from '../kube-api/kube-client.ts';
import { KubeError } from '../kube-api/kube-error.ts';
import { groupOf, type KubeObject } from '../resources/objects.ts';
import { mergeFields } from './merge-fields.ts';
import { waitUntilGone } from './wait-until-gone.ts';

/** Result of an apply of one object. */
export interface AppliedState {
  readonly object: KubeObject;
  readonly change: 'created' | 'configured' | 'unchanged';
  /** Warnings of the API server and of webhooks. */
  readonly warnings: readonly string[];
  /** The object before the change; undefined if it did not exist. */
  readonly previous: KubeObject | undefined;
}

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
/** Maximum length of all annotations of an object, in bytes (Kubernetes, `TotalAnnotationSizeLimitB`). */
const maxAnnotationBytes = 256 * 1024;
const maxConflicts = 10;

/** Groups of Kubernetes that have lists which are merged by keys. */
const strategicGroups = ['', 'apps', 'batch', 'admissionregistration.k8s.io'];

/**
 * Applies an object as `kubectl apply` does: it is created, or the fields that the manifest sets or no longer sets are
 * changed in the live object. Unknown fields are refused.
 *
 * @throws KubeError if the API server or a webhook refuses the object
 * @example
 * const { change } = await applyObject(client, object, signal); // 'created'
 */
export async function applyObject(
  client: KubeClient,
  object: KubeObject,
  signal: AbortSignal,
  { dryRun = false }: { readonly dryRun?: boolean } = {},
): Promise<AppliedState> {
  const options: WriteOptions = { dryRun, fieldValidation: 'Strict' };
  const wanted = withLastApplied(object);
  for (let conflicts = 0; ; conflicts++) {
    const live = await liveObject(client, object, signal, dryRun);
    try {
      if (live === undefined)
        return { ...(await client.create(wanted, options, signal)), change: 'created', previous: undefined };
      const merged = mergedObject(live, wanted);
      if (isDeepStrictEqual(merged, live)) return { object: live, change: 'unchanged', warnings: [], previous: live };
      const { object: written, warnings } = await client.update(merged, options, signal);
      const isSame = written.metadata.resourceVersion === live.metadata.resourceVersion && !dryRun;
      return { object: written, change: isSame ? 'unchanged' : 'configured', warnings, previous: live };
    } catch (error) {
      // Another writer, such as a controller, was faster.
      const isConflict = error instanceof KubeError && error.status === 409;
      if (!isConflict || conflicts === maxConflicts) throw error;
    }
  }
}

/** Returns the object as it is now. An object that is being deleted is awaited and then does not exist. */
async function liveObject(
  client: KubeClient,
  object: KubeObject,
  signal: AbortSignal,
  dryRun: boolean,
): Promise<KubeObject | undefined> {
  const live = await client.get(object, signal);
  if (live?.metadata.deletionTimestamp === undefined || dryRun) return live;
  await waitUntilGone(client, [live], signal);
  return undefined;
}

/** Returns the live object with the changes that an apply of the wanted one makes. */
export function mergedObject(live: KubeObject, wanted: KubeObject): KubeObject {
  const applied = live.metadata.annotations?.[lastApplied];
  const last = parsed(applied);
  const next = { ...wanted, metadata: { ...wanted.metadata } };
  // Another writer's text may differ only in the order of fields.
  if (applied !== undefined && isDeepStrictEqual(last, parsed(next.metadata.annotations?.[lastApplied])))
    next.metadata.annotations = { ...next.metadata.annotations, [lastApplied]: applied };
  return mergeFields({ last, next, live }, strategicGroups.includes(groupOf(live))) as KubeObject;
}

function parsed(text: string | undefined): KubeObject | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as KubeObject);
  } catch {
    return undefined;
  }
}

/** Returns an object with the annotation in which kubectl keeps the manifest. */
export function withLastApplied(object: KubeObject): KubeObject {
  const { [lastApplied]: _, ...annotations } = object.metadata.annotations ?? {};
  const plain = { ...object, metadata: { ...object.metadata, annotations } };
  const text = `${goJson(plain)}\n`;
  // kubectl refuses such objects. Without the annotation, a later apply only does not remove fields.
  if (Buffer.byteLength(text) > maxAnnotationBytes / 2) return object;
  return { ...plain, metadata: { ...plain.metadata, annotations: { ...annotations, [lastApplied]: text } } };
}

/** Formats JSON as Go does: with sorted fields, and safe to embed in HTML. */
function goJson(value: unknown): string {
  const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(sorted(value)).replaceAll(/[<>&\u2028\u2029]/g, escaped);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, inner]) => [name, sorted(inner)]));
}
