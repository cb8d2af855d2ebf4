import type { KubeObject } from '../objects.ts';
import type { KubeClient } from './kube-client.ts';

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';
/** Change that was made to an object, in kubectl's words. */
export interface AppliedObject {
  /** Name of the object as kubectl prints it. */
  readonly title: string;
  readonly change: Change | 'deleted' | 'not found';
}

export type Change = 'created' | 'configured' | 'unchanged';

export async function applyObject(client: KubeClient, object: KubeObject, signal: AbortSignal): Promise<{ object: KubeObject; change: Change; warnings: string[] }> {
  const live = await client.get(object, signal);
  const annotated = { ...object, metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, [lastApplied]: JSON.stringify(object) } } };
  if (live === undefined) {
    const created = await client.create(annotated, { fieldValidation: 'Strict' }, signal);
    return { object: created.object, change: 'created', warnings: [...created.warnings] };
  }
  const last = live.metadata.annotations?.[lastApplied];
  const removed = last === undefined ? {} : removals(JSON.parse(last), object);
  const { object: patched, warnings } = await client.patch<KubeObject>(object, merge(removed, annotated) as object, 'merge', { fieldValidation: 'Strict' }, signal);
  return { object: patched, change: patched.metadata.resourceVersion === live.metadata.resourceVersion ? 'unchanged' : 'configured', warnings: [...warnings] };
}
function isRecord(v: unknown): v is Record<string, unknown> { return typeof v === 'object' && v !== null && !Array.isArray(v); }
function removals(before: unknown, now: unknown): Record<string, unknown> {
  if (!isRecord(before) || !isRecord(now)) return {};
  const out: Record<string, unknown> = {};
  for (const [k, v] of Object.entries(before)) {
    if (!(k in now)) out[k] = null;
    else { const inner = removals(v, now[k]); if (Object.keys(inner).length > 0) out[k] = inner; }
  }
  return out;
}
function merge(one: unknown, other: unknown): unknown {
  if (!isRecord(one) || !isRecord(other)) return other;
  const out: Record<string, unknown> = { ...one };
  for (const [k, v] of Object.entries(other)) out[k] = merge(one[k], v);
  return out;
}
