import { MeshmockError } from '../../error/meshmock-error.ts';
import { optional } from '../../error/optional.ts';
import type { MachinePort } from '../../istio/host/machine-ports.ts';
import type { Entry } from '../../istio/node/entries.ts';
import { entryName, findByName } from '../../istio/resources/entry-names.ts';
import { namespaceOf, type Service } from '../../istio/resources/objects.ts';
import { formatPath } from '../../plan/format.ts';
import type { CallRoute } from '../../send/request-batch.ts';
import type { CaseRequest } from '../case.ts';

type FirstHop = Pick<CaseRequest, 'from' | 'protocol'>;

/**
 * Returns the route from this machine to the service or gateway of a local mesh that receives the request of a case.
 *
 * @param services Services in the order of the manifests; a case without `from` goes to the first that takes it
 * @param namespace namespace of a `from` that names none
 * @throws MeshmockError `usage` when no Service of that name takes the request
 */
export function localCallRoute(
  { from, protocol, method, plan, headers, host }: CaseRequest,
  ports: readonly MachinePort[],
  services: readonly Service[],
  namespace: string,
): CallRoute {
  const usable = ports.filter(({ entry }) => takes(entry, protocol));
  const port = from === undefined ? firstPort(usable, services) : portNamed(usable, from, namespace);
  if (port === undefined) throw new MeshmockError('usage', noPortMessage({ from, protocol }, usable));
  const address = dialAddress(port);
  return {
    target: { scheme: protocol, address, ...optional('authority', host), plan, path: formatPath(plan) },
    method,
    headers,
    connectTo: [],
    entersService: port.entry.kind === 'service',
  };
}

/** Returns the address to dial for a port of this machine. A port without a host listens on every address. */
export function dialAddress({ host, port }: MachinePort): CallRoute['target']['address'] {
  return { host: host === '' ? 'localhost' : host, port };
}

/** Reports whether an entry takes requests of a protocol. A gateway detects the protocol of a connection. */
function takes(entry: Entry, protocol: FirstHop['protocol']): boolean {
  return entry.kind === 'gateway' || (entry.kind === 'service' && entry.protocol === protocol);
}

/** Finds the port with a name. @param from name of a Service, with a port for one of several ports of a gateway */
export function portNamed(usable: readonly MachinePort[], from: string, namespace: string): MachinePort | undefined {
  const [, name = '', port] = /^(.*?)(?::(\d+))?$/.exec(from) ?? [];
  const all = findByName(usable, ({ entry }) => entry.name, name, namespace);
  if (port !== undefined) return all.find(({ entry }) => entry.port === Number(port));
  return all.find(({ entry }) => entry.port === 80) ?? all[0];
}

/** Returns the first port in the order of the manifests. The mesh orders its ports by the files before as well. */
function firstPort(usable: readonly MachinePort[], services: readonly Service[]): MachinePort | undefined {
  const names = services.map((service) => entryName(service.metadata.name, namespaceOf(service)));
  return names.flatMap((name) => usable.find(({ entry }) => entry.name === name) ?? [])[0] ?? usable[0];
}

function noPortMessage({ from, protocol }: FirstHop, usable: readonly MachinePort[]): string {
  const names = usable.map(({ entry: { name, port } }) => (port === undefined ? name : `${name}:${port}`));
  if (names.length === 0) return `no Service has a pod that takes requests over ${protocol}`;
  const known = [...new Set(names)].join(', ');
  return `no Service ${from} has a pod that takes requests over ${protocol}: expected one of ${known}`;
}
