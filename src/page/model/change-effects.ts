import { sharesOf, timingOf } from './compare-runs.ts';
import { inheritedEdges } from './mesh-graph.ts';
import type { EdgeRefusal, MeshChange, MeshEdge, MeshState, Traffic, TrafficAround } from './mesh-page-data.ts';
import { reasonWords } from './mesh-words.ts';

/** Difference of an edge's traffic around a change. */
export interface ChangeEffect {
  readonly edge: string;
  readonly around: TrafficAround;
  /** Differences in words, such as `answer 200 → 403`; empty if there is none. */
  readonly differences: readonly string[];
  /** Reasons for refusals since the change, in plain English. */
  readonly causes: readonly EffectCause[];
  /** True if the calls fail only because calls further on fail. */
  readonly isInherited: boolean;
}

/** Reason for refusals. */
export interface EffectCause {
  readonly explanation: string;
  /** Title of the object that decided, such as `AuthorizationPolicy default/deny`. */
  readonly object?: string;
  /** True if this change contains the object. */
  readonly isOfChange: boolean;
}

/**
 * Remembers the traffic around each change, since a state has only that around the newest one. So older changes keep what
 * was seen of them while the page was open.
 */
export class ChangeMemory {
  private readonly byChange = new Map<number, Map<string, ChangeEffect>>();

  /** Adds what a state shows of its newest change. */
  learn(state: MeshState): void {
    const inherited = inheritedEdges(state);
    for (const edge of state.edges) {
      const { around } = edge;
      const change = state.changes.find(({ number }) => number === around?.change);
      if (around === undefined || change === undefined) continue;
      const effects = this.byChange.get(change.number) ?? new Map<string, ChangeEffect>();
      this.byChange.set(change.number, effects);
      effects.set(edge.id, effectOf(edge, around, change, inherited.has(edge.id)));
    }
  }

  /** Returns what was seen around a change: refused calls first, then other differences, and their consequences last. */
  effectsOf(change: MeshChange): readonly ChangeEffect[] {
    const effects = [...(this.byChange.get(change.number)?.values() ?? [])];
    return effects
      .filter(({ around }) => around.before.requests + around.after.requests > 0)
      .sort((a, b) => rankOf(a) - rankOf(b));
  }
}

function rankOf({ differences, causes, isInherited }: ChangeEffect): number {
  if (differences.length === 0) return 3;
  if (isInherited) return 2;
  return causes.length > 0 ? 0 : 1;
}

/** Returns how the traffic of an edge differs before and after a change, and why requests are refused since then. */
export function effectOf(
  edge: MeshEdge,
  around: TrafficAround,
  change: MeshChange,
  isInherited: boolean,
): ChangeEffect {
  const ids = new Set(change.objects.map(({ id }) => id));
  const causes = edge.refusals
    .filter(({ lastMs }) => lastMs >= change.atMs)
    .map(({ explanation, object }) => ({
      explanation,
      ...(object === undefined ? {} : { object: object.title }),
      isOfChange: object !== undefined && ids.has(object.id),
    }));
  return { edge: edge.id, around, differences: differencesOf(around, edge.refusals, change.atMs), causes, isInherited };
}

function differencesOf(
  { before, after, versionsBefore, versionsAfter }: TrafficAround,
  refusals: readonly EdgeRefusal[],
  atMs: number,
): string[] {
  if (before.requests === 0 || after.requests === 0) return [];
  const facts: readonly (readonly [name: string, before: string, after: string])[] = [
    ['answer', sharesOf(before.byStatus), sharesOf(after.byStatus)],
    ['version', sharesOf(versionsBefore), sharesOf(versionsAfter)],
    ['encryption', safety(before), safety(after)],
  ];
  const found = facts
    .filter(([, old, now]) => old !== now && old !== '' && now !== '')
    .map(([name, old, now]) => `${name} ${old} → ${now}`);
  const reasons = [
    ...new Set(refusals.filter(({ lastMs }) => lastMs >= atMs).map(({ reason }) => reasonWords(reason))),
  ];
  const slower = before.meanMs !== undefined && after.meanMs !== undefined && timingOf(before.meanMs, after.meanMs);
  return [
    ...found,
    ...(reasons.length > 0 && found.length > 0 ? [`refused by a proxy: ${reasons.join(', ')}`] : []),
    ...(slower ? [`${slower}: ${msText(before.meanMs)} → ${msText(after.meanMs)}`] : []),
  ];
}

function safety({ mtls, requests }: Traffic): string {
  return sharesOf({ mTLS: mtls, 'plain text': Math.max(0, requests - mtls) })
    .split(', ')
    .filter((text) => !text.endsWith(' 0 %'))
    .join(', ');
}

function msText(ms = 0): string {
  return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}
