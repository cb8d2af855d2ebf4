import { callersOfDestination, callersText } from './caller-text.ts';
import type { NotCompared } from './comparison.ts';
import type { Caller, Destination } from './probe.ts';

/** Something of an edge that is not compared. */
export interface EdgeNote extends NotCompared {
  readonly callers: readonly Caller[];
  readonly destination: Destination;
}

/**
 * Returns one text for notes about several callers of a destination, such as `web, cart → db:5432: filter lua`.
 *
 * @param all all workloads of the mesh that may call
 */
export function joinEdgeNotes(notes: readonly EdgeNote[], all: readonly Caller[]): NotCompared[] {
  const keyOf = ({ callers: [first], destination: { host, port }, subject, reason }: EdgeNote): string =>
    JSON.stringify([first?.kind === 'gateway' ? first : [host, port], subject, reason]);
  return [...Map.groupBy(notes, keyOf).values()].flatMap(([note, ...others]) =>
    note === undefined ? [] : [{ subject: `${edgesText(note, others, all)}: ${note.subject}`, reason: note.reason }],
  );
}

function edgesText({ callers, destination }: EdgeNote, others: readonly EdgeNote[], all: readonly Caller[]): string {
  const [first] = callers;
  if (first?.kind === 'gateway') return `gateway ${first.gateway}, ${first.scheme}://${first.host}:${first.port}`;
  const named = [...callers, ...others.flatMap((one) => one.callers)];
  return `${callersText(named, callersOfDestination(destination, all))} → ${destination.name}:${destination.port}`;
}
