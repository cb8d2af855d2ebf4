import { withPlaces } from '../../istio/apply/note-places.ts';
import { meshOption } from '../../istio/host/control-client.ts';
import type { MachinePort } from '../../istio/host/machine-ports.ts';
import type { ApplyReport } from '../../istio/local-mesh/local-mesh.ts';
import type { Entry } from '../../istio/node/entries.ts';
import type { PodStatus } from '../../istio/node/pod-status.ts';
import { entryName } from '../../istio/resources/entry-names.ts';
import type { ManifestSource } from '../../istio/resources/manifest.ts';
import { commandName } from '../process/npx.ts';

/**
 * Returns a line for each warning and for each part of the manifests that was left out, with its place in a file.
 *
 * @param sources manifests of the command
 * @param namespace namespace of objects without one; undefined if only the mesh knows it
 */
export function reportLines(
  { warnings, leftOut }: ApplyReport,
  sources: readonly ManifestSource[] = [],
  namespace?: string,
): string[] {
  return [
    ...withPlaces(warnings, sources, namespace).map((warning) => `warning: ${warning}`),
    ...withPlaces(leftOut, sources, namespace).map((what) => `left out: ${what}`),
  ];
}

/** Returns a line for each changed object, as kubectl prints it. */
export function objectLines({ objects }: ApplyReport): string[] {
  return objects.map(({ title, change }) => `${title} ${change}`);
}

/** Returns the text after the start of a mesh: its entries, and how to call, change and end it. */
export function introduction(
  pods: readonly PodStatus[],
  ports: readonly MachinePort[],
  {
    seconds,
    folder,
    mesh,
    page,
  }: {
    readonly seconds: number;
    readonly folder: string;
    readonly mesh: string;
    /** URL of the mesh's page. */
    readonly page: string | undefined;
  },
): string {
  return [
    ...entryLines(ports, pods),
    '',
    ...pageLines(page),
    ...tryLines(ports, meshOption(mesh)),
    ...(pods.length === 0 ? ['These manifests have no workloads: --fill adds a mock for every destination.'] : []),
    '',
    `${podCounts(pods)}, up in ${seconds.toFixed(1)} s. Logs: ${folder}/logs. End with Ctrl-C or meshmock istio down${meshOption(mesh)}.`,
  ].join('\n');
}

/** Returns a line for the page of a mesh, if it has one. */
export function pageLines(url: string | undefined): string[] {
  return url === undefined ? [] : [`The mesh in a browser: ${url}`];
}

/** Returns a line for each entry of the mesh, with its addresses on this machine. */
export function entryLines(ports: readonly MachinePort[], pods: readonly PodStatus[]): string[] {
  const names = [...new Set(ports.map(({ entry }) => entry.name))];
  const width = Math.max(...names.map((name) => name.length)) + 2;
  return names.map((name) => {
    const portsOfEntry = ports.filter(({ entry }) => entry.name === name);
    const addresses = portsOfEntry.map((port) => {
      const { entry } = port;
      return `${labelOf(entry)} ${addressText(port)}`;
    });
    const note = portsOfEntry[0] === undefined ? '' : noteOf(portsOfEntry[0].entry, pods);
    return `${name.padEnd(width)}${addresses.join('  ')}  ${note}`.trimEnd();
  });
}

/** Returns the word before the address of an entry. */
function labelOf({ kind, port, protocol }: Entry): string {
  if (kind === 'gateway') return `port ${port}`;
  return kind === 'kubernetes' ? 'https' : protocol;
}

function noteOf(entry: Entry, pods: readonly PodStatus[]): string {
  switch (entry.kind) {
    case 'service':
    case 'workload':
      return versionsOf(entry, pods);
    case 'gateway':
      return 'gateway';
    case 'jaeger':
      return '';
    case 'metrics':
      return 'for Prometheus, at /metrics';
    case 'kubernetes':
      return 'for kubectl: istio env';
  }
}

/** Returns the address of a port on this machine. */
export function addressText({ host, port }: MachinePort): string {
  return `${host === '' ? 'localhost' : host}:${port}`;
}

/** Returns the versions of a Service's pods. Its name may be another one than that with which they answer. */
function versionsOf({ name, targets }: Entry, pods: readonly PodStatus[]): string {
  const podsOfService = pods.filter(
    ({ service, namespace, address }) =>
      name === entryName(service, namespace) || targets.some(({ host }) => host === address),
  );
  return [...new Set(podsOfService.map(({ version }) => version))].toSorted().join(' ');
}

function tryLines(ports: readonly MachinePort[], option: string): string[] {
  const services = ports.filter(({ entry }) => entry.kind === 'service' && entry.protocol === 'http');
  const [first, second] = services;
  const gateway = ports.find(({ entry }) => entry.kind === 'gateway');
  const jaeger = ports.find(({ entry }) => entry.kind === 'jaeger');
  if (first === undefined) return [];
  const target = (second ?? first).entry.name;
  const command = commandName();
  return [
    'Try:',
    `  curl -g '${addressText(first)}/@${target}/hello' -H 'Accept: text/plain'`,
    ...(gateway === undefined
      ? []
      : [
          `  curl -g '${addressText(gateway)}/@${target}/hello' -H 'Accept: text/plain'   # if a route of the gateway fits`,
        ]),
    ...(jaeger === undefined
      ? []
      : [`  ${command} call '${addressText(first)}/@${target}/hello' --trace http://${addressText(jaeger)}`]),
    `  ${command} istio apply${option} -f FILE      # waits until it is in effect; delete -f FILE undoes it`,
    `  eval "$(${command} istio env${option})"      # in another terminal: kubectl uses this mesh`,
  ];
}

function podCounts(pods: readonly PodStatus[]): string {
  const sidecars = pods.filter(({ hasSidecar, role }) => hasSidecar && role === 'mock').length;
  const gateways = pods.filter(({ role }) => role === 'gateway').length;
  const outside = pods.length - sidecars - gateways;
  return [
    `${sidecars} ${sidecars === 1 ? 'pod' : 'pods'} with sidecars`,
    ...(outside === 0 ? [] : [`${outside} without`]),
    ...(gateways === 0 ? [] : [gateways === 1 ? 'a gateway' : `${gateways} gateways`]),
  ].join(', ');
}
