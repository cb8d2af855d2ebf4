import type { Observations } from '../compare/compare-all.ts';
import type { NotCompared } from '../comparison.ts';
import type { EdgeNote } from '../edge-notes.ts';
import { observe } from '../engine/observe-probe.ts';
import type { Observation } from '../observation.ts';
import type { Caller, Probe } from '../probe.ts';
import type { SecretMarks } from '../secret-values.ts';
import type { LiveResult } from './live-sender.ts';

/** Results of both running meshes, by the ids of the probes. */
export interface LiveResults {
  readonly before: ReadonlyMap<string, LiveResult>;
  readonly after: ReadonlyMap<string, LiveResult>;
}

/** Returns what was seen of the probes that both meshes answered. */
export function observationsOf(
  probes: readonly Probe[],
  { before, after }: LiveResults,
  secrets: SecretMarks,
): Observations {
  const found = new Map<string, { readonly before: Observation; readonly after: Observation }>();
  for (const probe of probes) {
    const [old, changed] = [before.get(probe.id), after.get(probe.id)];
    if (old?.kind !== 'seen' || changed?.kind !== 'seen') continue;
    const observed = [old, changed].map(({ answers }) => observe({ probe, answers, mirrors: [] }, secrets));
    const [one, other] = observed;
    if (one !== undefined && other !== undefined) found.set(probe.id, { before: one, after: other });
  }
  return found;
}

/** Returns the callers that a mesh does not reach. */
export function unreachedCallers(probes: readonly Probe[], results: LiveResults): NotCompared[] {
  const found = new Map<string, NotCompared>();
  for (const { id, caller } of probes) {
    const [before, after] = [results.before.get(id), results.after.get(id)];
    const result = [before, after].find((one) => one?.kind === 'no_caller');
    if (result?.kind !== 'no_caller') continue;
    const isOfBoth = before?.kind === after?.kind;
    const side = isOfBoth ? '' : `in ${result === before ? 'OLD' : 'NEW'} only, `;
    const subject = callsOf(caller);
    found.set(subject, { subject, reason: `${side}${result.reason}` });
  }
  return [...found.values()];
}

/** Returns the requests that callees which are not meshmocks do not get, or whose directives they do not follow. */
export function undirected(probes: readonly Probe[], { before, after }: LiveResults): EdgeNote[] {
  return probes.flatMap(({ id, destination, mode, request, speaksFor: callers }) => {
    for (const one of [before.get(id), after.get(id)]) {
      if (one?.kind === 'unsafe')
        return [{ callers, destination, subject: `requests with ${request.method}`, reason: one.reason }];
      if (one?.kind === 'no_directives')
        return [{ callers, destination, subject: `requests of the kind "${mode.kind}"`, reason: one.reason }];
    }
    return [];
  });
}

/** Returns the name of a caller in the list of what is not compared. */
export function callsOf(caller: Caller): string {
  switch (caller.kind) {
    case 'workload':
      return `calls of ${caller.namespace}/${caller.name}`;
    case 'outside':
      return 'calls from outside the mesh';
    case 'gateway':
      return `requests to the gateway ${caller.gateway}, port ${caller.port}`;
  }
}
