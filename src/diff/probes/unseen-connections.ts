import type { NotCompared } from '../comparison.ts';
import type { EdgeParts } from '../pieces/edge-parts.ts';
import { canonicalText, type JsonObject, textAt } from '../pieces/json.ts';
import type { EdgeProtocol } from '../pieces/mesh-targets.ts';

/**
 * Returns the settings of mutual TLS and the identity of an edge, if they differ and its answers do not show them: a reply over
 * TCP has no headers of proxies.
 */
export function unseenConnections(before: EdgeParts, after: EdgeParts, protocol: EdgeProtocol): NotCompared[] {
  if (protocol !== 'tcp') return [];
  const reason = 'the settings differ, and an answer over TCP does not show it';
  return [
    ...(tlsText(before) === tlsText(after) ? [] : [{ subject: 'mutual TLS', reason }]),
    ...(before.identity === after.identity ? [] : [{ subject: 'identity of the caller', reason }]),
  ];
}

/** Returns the transports of an edge at both ends, as one text. */
function tlsText({ sender, receivers }: EdgeParts): string {
  const sent = (sender?.clusters ?? []).map((one) => canonicalText([textAt(one, 'name') ?? '', ...transportOf(one)]));
  const received = receivers.flatMap(({ chains }) =>
    chains.map((chain) =>
      canonicalText([textAt(chain, 'filter_chain_match', 'transport_protocol') ?? '', ...transportOf(chain)]),
    ),
  );
  return [...new Set([...sent.toSorted(), ...received.toSorted()])].join('\n');
}

function transportOf(part: JsonObject): JsonObject[string][] {
  return [part.transport_socket ?? null, part.transport_socket_matches ?? null];
}
