import { writeFile } from 'node:fs/promises';
import { runProgram } from '../process/program.ts';
import { nodeAddress, nodeResolverAddress, serviceNetwork } from './addresses.ts';
import { ip } from './network-programs.ts';

/** Routing table for packets of pods that no other table routes. */
const unroutedTable = 77;
/** After the tables `main` (32766) and `default` (32767). */
const unroutedPriority = 32_800;
/** Link of the routes to Services. On the loopback interface, a rejected connection of the node would wait. */
const serviceLink = 'services';

/** Settings of the kernel for a router whose interfaces have no addresses themselves. */
const settings: readonly (readonly [name: string, value: string])[] = [
  ['ip_forward', '1'],
  // The kernel otherwise reports only a few unreachable destinations a second. Other connections would wait.
  ['icmp_ratemask', '0'],
  ...['all', 'default'].flatMap((links) => [
    // Answers for the node's address on every link, although the loopback interface has it.
    [`conf/${links}/arp_ignore`, '0'] as const,
    // A pod that calls itself through a Service would otherwise be redirected to itself.
    [`conf/${links}/send_redirects`, '0'] as const,
  ]),
];

/**
 * Prepares the network namespace of this process as the node of a mesh: a router between pods, without a way out.
 *
 * Each pod has a link and a route, so an address that no pod has is unreachable at once. Packets of pods that nothing
 * routes go to the loopback interface, where a rule rejects them. The programs of the node itself have routes to pods and
 * Services only.
 */
export async function createNodeNetwork(signal: AbortSignal): Promise<void> {
  await ip(
    [
      'link set lo up',
      ...[nodeAddress, nodeResolverAddress].map((address) => `addr add ${address}/32 dev lo`),
      `link add ${serviceLink} up type veth peer name ${serviceLink}-end`,
      `link set ${serviceLink}-end up`,
      `route add ${serviceNetwork} dev ${serviceLink} src ${nodeAddress}`,
      `route add default dev lo table ${unroutedTable}`,
      `rule add not iif lo pref ${unroutedPriority} lookup ${unroutedTable}`,
    ],
    [],
    signal,
  );
  for (const [name, value] of settings) await writeFile(`/proc/sys/net/ipv4/${name}`, value, { signal });
  await runProgram('iptables-restore', ['--noflush', '--wait'], { input: nodeRules, signal });
}

/** Rules besides those of kube-proxy. A packet that still has the address of a Service has no rule there. */
const nodeRules = `*filter
-A FORWARD -d ${serviceNetwork} -j REJECT
-A OUTPUT -d ${serviceNetwork} -j REJECT
-A FORWARD -o lo -j REJECT --reject-with icmp-net-unreachable
COMMIT
`;
