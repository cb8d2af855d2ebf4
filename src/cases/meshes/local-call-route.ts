import { MeshmockError } from '../../error/meshmock-error.ts';
import { type Entry, entryName, findByName } from '../../istio/entries.ts';
import type { MachinePort } from '../../istio/machine-ports.ts';
import type { Service } from '../../istio/objects.ts';
import { formatPath } from '../../plan/format.ts';
import type { CallRoute } from '../../send/request-batch.ts';
import type { Case } from '../case.ts';

type Begin = Pick<Case, 'from' | 'protocol'>;

/**
 * The way to the service or the gateway that begins a case, on a mesh without a cluster.
 *
 * @param services in the order of the file's manifests: without `from` the first begins that can
 * @param namespace of names that say none
 * @throws MeshmockError `usage` when nobody of that name can begin
 */
export function localCallRoute(
  { from, protocol, plan, headers, host }: Case,
  ports: readonly MachinePort[],
  services: readonly Service[],
  namespace: string,
): CallRoute {
  const able = ports.filter(({ entry }) => canBegin(entry, protocol));
  const port = from === undefined ? firstOf(able, services) : entranceOf(able, from, namespace);
  if (port === undefined) throw new MeshmockError('usage', noEntrance({ from, protocol }, able));
  return {
    target: {
      scheme: protocol,
      address: addressOf(port),
      ...(host === undefined ? {} : { authority: host }),
      plan,
      path: formatPath(plan),
    },
    headers,
    connectTo: [],
  };
}

/** Where a port of this machine is called; no host is any. */
export function addressOf({ host, port }: MachinePort): CallRoute['target']['address'] {
  return { host: host === '' ? 'localhost' : host, port };
}

/** To a gateway's port bytes are passed on: it hears by itself which protocol they are. */
function canBegin(entry: Entry, protocol: Begin['protocol']): boolean {
  return entry.kind === 'gateway' || (entry.kind === 'service' && entry.protocol === protocol);
}

/** @param from with a port where a gateway has several */
function entranceOf(able: readonly MachinePort[], from: string, namespace: string): MachinePort | undefined {
  const [, name = '', port] = /^(.*?)(?::(\d+))?$/.exec(from) ?? [];
  const all = findByName(able, ({ entry }) => entry.name, name, namespace);
  if (port !== undefined) return all.find(({ entry }) => entry.port === Number(port));
  return all.find(({ entry }) => entry.port === 80) ?? all[0];
}

/** In the order of the manifests: that of the mesh depends on what files before had. */
function firstOf(able: readonly MachinePort[], services: readonly Service[]): MachinePort | undefined {
  const names = services.map(({ metadata: { name, namespace = 'default' } }) => entryName(name, namespace));
  return names.flatMap((name) => able.find(({ entry }) => entry.name === name) ?? [])[0] ?? able[0];
}

function noEntrance({ from, protocol }: Begin, able: readonly MachinePort[]): string {
  const names = able.map(({ entry: { name, port } }) => (port === undefined ? name : `${name}:${port}`));
  if (names.length === 0) return `no Service has a pod that could begin over ${protocol}`;
  return `no Service ${from} has a pod that could begin over ${protocol}: there are ${[...new Set(names)].join(', ')}`;
}
