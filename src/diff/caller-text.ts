import type { Caller, Destination, Probe } from './probe.ts';

/** Returns the name of a caller; with its namespace if the callers are in several. */
export function callerText(caller: Caller, isQualified: boolean): string {
  switch (caller.kind) {
    case 'workload':
      return isQualified ? `${caller.name}.${caller.namespace}` : caller.name;
    case 'outside':
      return 'outside';
    case 'gateway':
      return caller.port === (caller.scheme === 'https' ? 443 : 80) ? caller.host : `${caller.host}:${caller.port}`;
  }
}

/** Returns the workloads that may call a destination: its own do not call themselves. */
export function callersOfDestination({ workloads }: Destination, callers: readonly Caller[]): Caller[] {
  const own = new Set(workloads);
  return callers.filter((caller) => caller.kind !== 'workload' || !own.has(`${caller.namespace}/${caller.name}`));
}

/** Number of callers that a line names. */
const mostNamed = 3;

/**
 * Returns one text for callers, such as `all callers in namespace shop`.
 *
 * @param all all workloads of the mesh that may call
 */
export function callersText(callers: readonly Caller[], all: readonly Caller[]): string {
  const isQualified = namespacesOf([...callers, ...all]).length > 1;
  const workloads = all.filter(({ kind }) => kind === 'workload');
  const covered = new Set(callers.map(callerKey));
  const rest = new Map(callers.map((caller) => [callerKey(caller), caller]));
  const texts: string[] = [];
  const join = (some: readonly Caller[], text: string): void => {
    if (some.length < 2 || !some.every((caller) => covered.has(callerKey(caller)))) return;
    if (!some.some((caller) => rest.has(callerKey(caller)))) return;
    texts.push(text);
    for (const caller of some) rest.delete(callerKey(caller));
  };
  join(workloads, 'all callers');
  for (const namespace of namespacesOf(workloads))
    join(
      workloads.filter((caller) => caller.kind === 'workload' && caller.namespace === namespace),
      `all callers in namespace ${namespace}`,
    );
  const names = [...new Set([...rest.values()].map((caller) => callerText(caller, isQualified)))].toSorted();
  return listText([...texts, ...names]);
}

/** Joins names, the first of them and the number of the others. */
export function listText(names: readonly string[], separator = ', '): string {
  if (names.length <= mostNamed + 1) return names.join(separator);
  return `${names.slice(0, mostNamed).join(separator)} and ${names.length - mostNamed} more`;
}

function namespacesOf(callers: readonly Caller[]): string[] {
  return [...new Set(callers.flatMap((caller) => (caller.kind === 'workload' ? [caller.namespace] : [])))].toSorted();
}

/** Returns a text that names a caller, and that only the same caller has. */
export function callerKey(caller: Caller): string {
  switch (caller.kind) {
    case 'workload':
      return `${caller.namespace}/${caller.name}`;
    case 'outside':
      return 'outside';
    case 'gateway':
      return `${caller.gateway} ${caller.scheme}://${caller.host}:${caller.port}`;
  }
}

/** Returns a key of the edge of a probe. */
export function destinationKey({ destination, caller }: Probe): string {
  return caller.kind === 'gateway' ? callerKey(caller) : `${destination.host}:${destination.port}`;
}
