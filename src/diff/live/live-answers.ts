import type { CallResult } from '../../reply/reply.ts';
import { calleeDirectives } from '../callee-directives.ts';
import type { Probe } from '../probe.ts';
import type { CallerWorkload, LiveRoute } from './live-mesh.ts';

/** Call of a probe in the answer of an entry, or the reason why the answer does not have it. */
export type LiveAnswer =
  | { readonly kind: 'call'; readonly call: CallResult }
  | {
      readonly kind: 'missed';
      /** Part of the way that failed. `workload` if another one of the same Service made the call. */
      readonly part: 'entry' | 'caller' | 'workload' | 'callee';
      readonly reason: string;
    }
  /** The entry is not a meshmock, or is down. */
  | { readonly kind: 'wrong_entry'; readonly problem: string };

/** Returns the call of a probe in the answer of an entry. */
export function liveAnswer(answer: CallResult, probe: Probe, route: LiveRoute): LiveAnswer {
  if (route.kind === 'gateway') return { kind: 'call', call: answer };
  const first = answer.reply?.calls?.[0];
  if (first === undefined) return withoutCall(answer);
  const [maker, call] = route.kind === 'caller' ? [answer, first] : [first, first.reply?.calls?.[0]];
  if (call === undefined)
    return missed('caller', `the entry does not reach it (${outcomeText(first)}): add an entry of its own`);
  const other = route.workload === undefined ? undefined : otherMaker(maker, route.workload);
  if (other !== undefined) return other;
  if (calleeDirectives(probe) !== undefined && ignoresDirectives(call))
    return missed('callee', 'the callee does not follow directives');
  return { kind: 'call', call };
}

/** Returns that another pod than one of the caller made a call; undefined if the caller made it. */
function otherMaker({ reply }: CallResult, workload: CallerWorkload): LiveAnswer | undefined {
  const { pod = '', service = '' } = reply ?? {};
  const isOwnPod = workloadOf(pod, workload) === workload.name;
  if (workload.all.length > 1)
    return isOwnPod
      ? undefined
      : missed('workload', `another pod of its Service answers (${pod}): add an entry of its own`);
  // Without Kubernetes, the pod of a mock is its machine.
  if (isOwnPod || workload.services.includes(service)) return undefined;
  return missed('caller', `another service answers in its place (${service || pod || 'no name'}): check its entry`);
}

function missed(part: Extract<LiveAnswer, { kind: 'missed' }>['part'], reason: string): LiveAnswer {
  return { kind: 'missed', part, reason };
}

function withoutCall(answer: CallResult): LiveAnswer {
  const outcome = outcomeText(answer);
  // A meshmock refuses a call for a reason, such as its limits, and a proxy on the way may have a timeout.
  if (answer.answeredBy === 'service' || answer.answeredBy === 'proxy' || answer.error?.code === 'timeout')
    return missed('entry', `its entry made no call (${outcome})`);
  if (answer.answeredBy === 'nobody') return { kind: 'wrong_entry', problem: `does not answer (${outcome})` };
  return { kind: 'wrong_entry', problem: `made no call (${outcome}): check that it is a meshmock` };
}

/** Returns the outcome of a call in a few words, such as `403 rbac_denied`. */
function outcomeText({ status, grpcStatus, mesh, error }: CallResult): string {
  const words = [status ?? grpcStatus, mesh?.refusal?.reason, error?.code].filter((word) => word !== undefined);
  return words.length === 0 ? 'no answer' : words.join(' ');
}

/** Returns the workload of a pod: the one with the longest name that the pod's name begins with. */
function workloadOf(pod: string, { all }: CallerWorkload): string | undefined {
  const owners = all.filter((name) => pod === name || pod.startsWith(`${name}-`));
  return owners.toSorted((a, b) => b.length - a.length)[0];
}

/** Reports whether a callee answered as if its request had no directives, such as a server that is not a meshmock. */
function ignoresDirectives({ answeredBy, reply }: CallResult): boolean {
  if (answeredBy === 'foreign') return true;
  return answeredBy === 'service' && reply !== undefined && (reply.behaviour ?? []).length === 0;
}
