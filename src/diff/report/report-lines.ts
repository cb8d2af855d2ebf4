import { callerKey, callersOfDestination, callersText, callerText, destinationKey, listText } from '../caller-text.ts';
import type { Cause, FieldChange } from '../cause.ts';
import type { Comparison } from '../comparison.ts';
import type { Difference, DifferenceKind, Severity } from '../difference.ts';
import { severities } from '../difference.ts';
import type { Probe } from '../probe.ts';
import { changeOf, changeText } from './change-text.ts';
import { modeText, withModes } from './mode-text.ts';
import { requestPatterns } from './pattern.ts';

/** Line of a report: requests of one edge, or of several, that differ in the same way. */
export interface ReportLine {
  /** Number for `--explain`, from 1. */
  readonly number: number;
  readonly severity: Severity;
  readonly kind: DifferenceKind;
  /** Edge, such as `productpage → reviews`, or the host at a gateway. */
  readonly edge: string;
  /** Requests, such as `POST /details/*`, or `any`. */
  readonly requests: string;
  readonly from: string;
  readonly to: string;
  /**
   * Object and place, such as `VirtualService reviews, http[0].timeout`; empty if it is not known. After `one of`, there are
   * several of which one is the cause.
   */
  readonly cause: string;
  /** Change of the field that is the cause; undefined if it is not known, or not the same for all differences. */
  readonly change: FieldChange | undefined;
  /** Places in files; empty if they are not known. */
  readonly where: readonly string[];
  readonly differences: readonly Difference[];
}

/** Returns the lines of a report, the worst first. */
export function reportLines(comparison: Comparison): ReportLine[] {
  const groups = groupBy(comparison.differences, behaviourKey);
  const edges = groupBy(comparison.probes, edgeKey);
  const parts = [...groups.values()].flatMap((differences) => callerParts(differences, edges));
  const joined = joinDestinations(joinProtocols(joinCallers(joinFailures(parts), comparison)));
  return joined
    .toSorted(
      (a, b) =>
        severities.indexOf(a.severity) - severities.indexOf(b.severity) ||
        compareTexts(a.edge, b.edge) ||
        compareTexts(a.requests, b.requests) ||
        compareTexts(a.from, b.from),
    )
    .map(({ destination: _destination, callers: _callers, protocol: _protocol, ...line }, index) => ({
      ...line,
      change: changeOf(line.differences),
      number: index + 1,
    }));
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** Returns a key that differences share if they are the same behaviour at the same destination. */
function behaviourKey(difference: Difference): string {
  return JSON.stringify([resultKey(difference), modeText(difference.probe.mode)]);
}

/** Returns a key that differences share if they are the same behaviour, also for other failures of the callee. */
function resultKey({ kind, from, to, causes, probe }: Difference): string {
  return JSON.stringify([destinationKey(probe), kind, from, to, causesText(causes), probe.mode.kind]);
}

interface Part {
  readonly probe: Probe;
  /** Requests without the condition that the mode adds. */
  readonly pattern: string;
  readonly requests: string;
  readonly differences: readonly Difference[];
}

/** Returns a key of the caller, the destination and the protocol of a probe. */
function edgeKey(probe: Probe): string {
  return `${callerKey(probe.caller)} ${destinationKey(probe)} ${probe.request.protocol}`;
}

/**
 * Returns the requests of each caller that differ in one way.
 *
 * @param edges all probes by their edge
 */
function callerParts(differences: readonly Difference[], edges: ReadonlyMap<string, readonly Probe[]>): Part[] {
  return [...groupBy(differences, ({ probe }) => edgeKey(probe)).values()].flatMap((own) => {
    const [first] = own;
    if (first === undefined) return [];
    const { probe } = first;
    const alike = edges.get(edgeKey(probe)) ?? [];
    const covers = coverageOf(own.map((one) => one.probe));
    const patterns = requestPatterns(alike.filter(covers), alike);
    const pattern = listText(patterns);
    return [{ probe, pattern, requests: withModes(pattern, [probe.mode]), differences: own }];
  });
}

/** Joins the requests of a caller that differ in the same way for several failures of the callee: `on 500, 503`. */
function joinFailures(parts: readonly Part[]): Part[] {
  const key = ({ probe, pattern, differences: [first] }: Part): string =>
    JSON.stringify([edgeKey(probe), pattern, first === undefined ? '' : resultKey(first)]);
  return [...groupBy(parts, key).values()].flatMap((group): Part[] => {
    const [first, ...others] = group.toSorted((a, b) => compareTexts(modeText(a.probe.mode), modeText(b.probe.mode)));
    if (first === undefined || first.probe.mode.kind !== 'failing') return group;
    const all = [first, ...others];
    const requests = withModes(
      first.pattern,
      all.map(({ probe }) => probe.mode),
    );
    return [{ ...first, requests, differences: all.flatMap(({ differences }) => differences) }];
  });
}

/** Returns a test of the probes that these speak for: those with the same request, or with the same routes. */
function coverageOf(differing: readonly Probe[]): (probe: Probe) => boolean {
  const requests = new Set(differing.map(({ request }) => JSON.stringify(request)));
  const routes = new Set(differing.filter(({ mode }) => mode.kind !== 'plain').map((probe) => probe.routes));
  return (probe) => requests.has(JSON.stringify(probe.request)) || routes.has(probe.routes);
}

type Line = Omit<ReportLine, 'number' | 'change'> & {
  readonly destination: string;
  readonly callers: string;
  readonly protocol: Probe['request']['protocol'];
};

/** Joins lines that say the same of several protocols or ports of a destination, and names the protocol of others. */
function joinProtocols(lines: readonly Line[]): Line[] {
  const key = ({ edge, kind, requests, from, to, cause }: Line): string =>
    JSON.stringify([edge, kind, requests, from, to, cause]);
  return [...groupBy(lines, key).values()].flatMap((group): Line[] => {
    const [first] = group;
    if (first === undefined) return [];
    const differences = group.flatMap((line) => line.differences);
    const requests = group.length > 1 ? first.requests : withProtocol(first);
    return [{ ...first, requests, where: [...new Set(group.flatMap(({ where }) => where))], differences }];
  });
}

function withProtocol({ requests, protocol }: Line): string {
  switch (protocol) {
    case 'http':
      return requests;
    case 'grpc':
      return `${requests} (gRPC)`;
    case 'tcp':
      return `${requests} (TCP)`;
  }
}

/** Joins the callers of a destination whose requests differ in the same way. */
function joinCallers(parts: readonly Part[], { callers }: Comparison): Line[] {
  const key = ({ requests, differences: [first] }: Part): string =>
    JSON.stringify([requests, first === undefined ? '' : behaviourKey(first)]);
  return [...groupBy(parts, key).values()].flatMap((group): Line[] => {
    const differences = group.flatMap((part) => part.differences);
    const [first] = differences;
    const [part] = group;
    if (first === undefined || part === undefined) return [];
    const { probe } = first;
    const speakers = group.flatMap((one) => one.differences.flatMap((difference) => difference.probe.speaksFor));
    const isGateway = probe.caller.kind === 'gateway';
    const callersName = isGateway
      ? callerText(probe.caller, false)
      : callersText(speakers, callersOfDestination(probe.destination, callers));
    return [
      {
        severity: first.severity,
        kind: first.kind,
        destination: isGateway ? '' : probe.destination.name,
        callers: callersName,
        protocol: probe.request.protocol,
        edge: edgeText(callersName, isGateway ? '' : probe.destination.name),
        requests: part.requests,
        from: first.from,
        to: first.to,
        cause: fullCause(first),
        where: [...new Set(differences.flatMap(({ causes }) => causes.flatMap(({ where }) => where ?? [])))],
        differences,
      },
    ];
  });
}

function edgeText(callers: string, destination: string): string {
  return destination === '' ? callers : `${callers} → ${destination}`;
}

/** Number of destinations with the same difference that become one line. */
const leastJoined = 3;

/** Joins destinations whose requests differ in the same way, but for the name of the service that answered. */
function joinDestinations(lines: readonly Line[]): Line[] {
  const nameless = ({ from, destination }: Line): string =>
    destination === ''
      ? from
      : from.replace(new RegExp(` ${escapeRegex(destination.split('.')[0] ?? '')}(?: \\S+)?`), '');
  const key = (line: Line): string =>
    JSON.stringify([line.kind, line.callers, line.requests, nameless(line), line.to, line.cause]);
  return [...groupBy(lines, key).values()].flatMap((group) => {
    const [first] = group;
    const destinations = [...new Set(group.map(({ destination }) => destination))].toSorted();
    if (first === undefined || first.destination === '' || destinations.length < leastJoined) return group;
    return [
      {
        ...first,
        edge: edgeText(first.callers, `${destinations.length} services: ${listText(destinations)}`),
        from: nameless(first),
        where: [...new Set(group.flatMap(({ where }) => where))],
        differences: group.flatMap(({ differences }) => differences),
      },
    ];
  });
}

function escapeRegex(text: string): string {
  return text.replaceAll(/[\\.+*?()[\]{}^$|]/g, '\\$&');
}

/** Returns an object and a place in it, such as `VirtualService reviews, http[0]`, or several: `one of: A; B`. */
function causesText(causes: readonly Cause[]): string {
  return causes.length < 2 ? causes.map(causeText).join('') : `one of: ${listText(causes.map(causeText), '; ')}`;
}

function causeText({ kind, name, place }: Cause): string {
  return place === undefined ? `${kind} ${name}` : `${kind} ${name}, ${place}`;
}

/** Returns the cause of a line with the values of the field, such as `VirtualService cart, http[0].timeout: 1s → 2s`. */
export function causeWithValues({ change, differences: [first] }: ReportLine): string {
  return first === undefined ? '' : fullCause(first, changeText(change));
}

function fullCause({ causes, probe }: Difference, values = ''): string {
  const text = causes.length === 0 ? '' : causesText(causes) + values;
  return probe.caller.kind === 'gateway' && text !== '' ? `${text} (gateway ${probe.caller.gateway})` : text;
}
