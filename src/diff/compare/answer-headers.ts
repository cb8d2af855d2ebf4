import { removedByOne } from '../changed-headers.ts';
import type { ChanceHeaders } from '../probe.ts';
import { changeAnswersByChance } from './chance-headers.ts';
import { destinationChances } from './chances.ts';
import { comparedHeaders } from './compared-headers.ts';
import { isSame, type NeededModes, none, type RequestPieces, type WeightedCluster } from './pieces.ts';

/**
 * Returns the mode that shows what routes do to the headers of answers, if it differs.
 *
 * @param byChance headers that chance chooses on any of the two sides
 */
export function answerHeaders(before: RequestPieces, after: RequestPieces, byChance: ChanceHeaders): NeededModes {
  const isEqual = isSame(settingsOf(before), settingsOf(after));
  if (isEqual ? changeAnswersByChance(before, after, byChance) : byChance.answers.length > 0)
    return {
      modes: [],
      notCompared: [{ subject: 'headers of answers', reason: 'chance chooses them for answers of the same service' }],
    };
  if (isEqual) return none;
  const removed = removedByOne('response_headers_to_remove', before.route, after.route);
  const names = [...new Set([...removed, ...otherwiseAdded(before, after)])];
  const unsent = names.filter((name) => Object.keys(comparedHeaders({ [name]: '' })).length === 0);
  const notCompared = unsent.map((name) => ({
    subject: `header ${name} of answers`,
    reason: 'its value differs between two equal answers',
  }));
  if (before.protocol !== 'http')
    return {
      modes: [],
      notCompared: [{ subject: 'headers of answers', reason: 'the reply over gRPC does not show them' }],
    };
  const sent = names.filter((name) => !unsent.includes(name));
  // At a gateway, each answer shows its headers.
  if (before.showsAnswerHeaders && sent.length === 0) return { modes: [], notCompared };
  return { modes: [{ kind: 'answer_headers', names: sent, count: countFor(before, after) }], notCompared };
}

/** Parts of the configuration that change headers of answers. */
type AnswerSettings = Pick<WeightedCluster, 'response_headers_to_add' | 'response_headers_to_remove'>;

function partsOf({ route }: RequestPieces): AnswerSettings[] {
  return route === undefined ? [] : [route, ...(route.route?.weighted_clusters?.clusters ?? [])];
}

function changesOf(part: AnswerSettings): unknown[] {
  return [part.response_headers_to_add ?? null, part.response_headers_to_remove ?? null];
}

function settingsOf(pieces: RequestPieces): unknown[] {
  const settings = partsOf(pieces).map(changesOf);
  return [
    settings.filter((some) => some.some((one) => one !== null)),
    pieces.route?.typed_per_filter_config?.['envoy.filters.http.cors'] ?? null,
  ];
}

/** Returns the headers that both sides add, one to those of the callee and the other in their place. */
function otherwiseAdded(before: RequestPieces, after: RequestPieces): string[] {
  const actionsOf = (pieces: RequestPieces): Map<string, string> =>
    new Map(
      partsOf(pieces)
        .flatMap((part) => part.response_headers_to_add ?? [])
        .map(({ header, append_action: action = '' }) => [(header?.key ?? '').toLowerCase(), action]),
    );
  const [old, changed] = [actionsOf(before), actionsOf(after)];
  return [...changed].filter(([name, action]) => old.has(name) && old.get(name) !== action).map(([name]) => name);
}

/** Probability that a destination gets none of the requests. */
const missRate = 1e-5;
const mostRequests = 300;

/** Returns the number of requests with which each destination gets one. */
function countFor(before: RequestPieces, after: RequestPieces): number {
  const shares = [before, after].flatMap((one) => [...destinationChances(one).values()]).filter((share) => share > 0);
  const least = Math.min(1, ...shares);
  return least >= 1 ? 1 : Math.min(mostRequests, Math.ceil(Math.log(missRate) / Math.log(1 - least)));
}
