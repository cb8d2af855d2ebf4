import { calleeDirectives } from '../callee-directives.ts';
import type { NotCompared } from '../comparison.ts';
import type { ProbeMode } from '../probe.ts';
import type { ClassRequest } from '../requests/class-request.ts';
import { representatives } from '../requests/requests-for.ts';

/**
 * Returns one request for each pair of routes, among those with which a callee of a running mesh gets directives: they are
 * in the path, which may be a condition.
 */
export function directedRequests(requests: readonly ClassRequest[]): ReadonlySet<ClassRequest> {
  return new Set(representatives(requests.filter(({ takesDirectives }) => takesDirectives)));
}

/**
 * Reports whether requests to a running mesh are sent in a mode. An ejection needs one pod that fails, of several, and headers of
 * answers need a callee that sends them.
 */
export function isLiveMode({ kind }: ProbeMode): boolean {
  return kind !== 'ejection' && kind !== 'answer_headers';
}

/** Returns the settings of a pair of routes that requests to running meshes do not show. */
export function unsentModes(
  modes: readonly ProbeMode[],
  { hasDirected, hasCopies }: { readonly hasDirected: boolean; readonly hasCopies: boolean },
): NotCompared[] {
  const unsent = modes.filter((mode) => isLiveMode(mode) && calleeDirectives({ mode }) !== undefined && !hasDirected);
  const others = modes.filter((mode) => !isLiveMode(mode));
  return [
    ...unsent.map(({ kind }) => ({ subject: shownBy(kind), reason: noPlace })),
    ...others.map(({ kind }) => ({ subject: shownBy(kind), reason: 'running callees are not changed for them' })),
    ...(hasCopies
      ? [{ subject: 'copies of requests', reason: 'the proxies count them, and answers do not show them' }]
      : []),
  ];
}

const noPlace = 'the callee gets its directives in the path, and the path is a condition of these requests';

/** Returns a name for the settings that a mode shows. */
function shownBy(kind: ProbeMode['kind']): string {
  switch (kind) {
    case 'slow':
      return 'timeouts';
    case 'failing':
      return 'retries';
    case 'burst':
      return 'limits';
    case 'ejection':
      return 'ejection of pods';
    case 'answer_headers':
      return 'headers of answers';
    case 'plain':
    case 'shares':
    case 'delayed':
      return 'requests';
  }
}
