import { meshOption } from '../../istio/control-client.ts';
import { entryName } from '../../istio/entries.ts';
import type { ApplyReport } from '../../istio/local-mesh.ts';
import type { MachinePort } from '../../istio/machine-ports.ts';
import type { PodStatus } from '../../istio/messages.ts';

/** What applying did, a line for each object, as kubectl prints it, and for each thing that a person is to know. */
export function reportLines({ warnings, leftOut }: ApplyReport): string[] {
  return [...warnings.map((warning) => `warning: ${warning}`), ...leftOut.map((what) => `left out: ${what}`)];
}

export function objectLines({ objects }: ApplyReport): string[] {
  return objects.map(({ title, change }) => `${title} ${change}`);
}

/** What is up, how to call it, change it and end it. */
export function introduction(
  pods: readonly PodStatus[],
  ports: readonly MachinePort[],
  { seconds, folder, mesh }: { readonly seconds: number; readonly folder: string; readonly mesh: string },
): string {
  return [
    ...entryLines(ports, pods),
    '',
    ...tryLines(ports, meshOption(mesh)),
    ...(pods.length === 0 ? ['No workload is in these manifests: --fill adds a mock for every destination.'] : []),
    '',
    `${countOf(pods)}, up in ${seconds.toFixed(1)} s. Logs: ${folder}/logs. Ctrl-C ends it all, or meshmock istio down${meshOption(mesh)}.`,
  ].join('\n');
}

/** Where each service and gateway is called from outside. */
export function entryLines(ports: readonly MachinePort[], pods: readonly PodStatus[]): string[] {
  const names = [...new Set(ports.map(({ entry }) => entry.name))];
  const width = Math.max(...names.map((name) => name.length)) + 2;
  return names.map((name) => {
    const own = ports.filter(({ entry }) => entry.name === name);
    const addresses = own.map(({ entry, host, port }) => {
      const where = `${host === '' ? 'localhost' : host}:${port}`;
      if (entry.kind === 'gateway') return `port ${entry.port} ${where}`;
      return `${entry.protocol} ${where}`;
    });
    const behind = pods.filter(({ service, namespace }) => name === entryName(service, namespace));
    const versions = [...new Set(behind.map(({ version }) => version))];
    const [first] = own;
    const what =
      first?.entry.kind === 'service' ? versions.join(' ') : first?.entry.kind === 'gateway' ? 'gateway' : '';
    return `${name.padEnd(width)}${addresses.join('  ')}  ${what}`.trimEnd();
  });
}

function tryLines(ports: readonly MachinePort[], option: string): string[] {
  const at = ({ host, port }: MachinePort): string => `${host === '' ? 'localhost' : host}:${port}`;
  const services = ports.filter(({ entry }) => entry.kind === 'service' && entry.protocol === 'http');
  const [first, second] = services;
  const gateway = ports.find(({ entry }) => entry.kind === 'gateway');
  const jaeger = ports.find(({ entry }) => entry.kind === 'jaeger');
  if (first === undefined) return [];
  const target = (second ?? first).entry.name;
  return [
    'Try:',
    `  curl -g '${at(first)}/@${target}/hello' -H 'Accept: text/plain'`,
    ...(gateway === undefined ? [] : [`  curl -g '${at(gateway)}/@${target}/hello' -H 'Accept: text/plain'`]),
    ...(jaeger === undefined
      ? []
      : [`  npx meshmock call '${at(first)}/@${target}/hello' --trace http://${at(jaeger)}`]),
    `  npx meshmock istio apply${option} -f FILE      # back when it is in effect; delete -f FILE undoes it`,
  ];
}

function countOf(pods: readonly PodStatus[]): string {
  const sidecars = pods.filter(({ hasSidecar, role }) => hasSidecar && role === 'mock').length;
  const gateways = pods.filter(({ role }) => role === 'gateway').length;
  const outside = pods.length - sidecars - gateways;
  return [
    `${sidecars} ${sidecars === 1 ? 'pod' : 'pods'} with sidecars`,
    ...(outside === 0 ? [] : [`${outside} without`]),
    ...(gateways === 0 ? [] : [gateways === 1 ? 'a gateway' : `${gateways} gateways`]),
  ].join(', ');
}
