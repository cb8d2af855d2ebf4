import { writeFile } from 'node:fs/promises';
import { loadBalancerNetwork, nodeAddress, serviceNetwork } from './addresses.ts';
import { ip, restoreRules } from './network-programs.ts';
import { hairpinChain, rejectChain, serviceChain } from './service-rules.ts';

/** Routing table for packets of pods that no other table routes. */
const unroutedTable = 77;
/** After the tables `main` (32766) and `default` (32767). */
const unroutedPriority = 32_800;
const unreachableChain = 'MESHMOCK-UNREACHABLE';

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
 * routes go to the loopback interface, where a rule rejects them. The programs of the node itself have routes to
 * Services only: for a rejection, a connection of the same namespace would wait.
 */
export async function createNodeNetwork(signal: AbortSignal): Promise<void> {
  await ip(
    [
      'link set lo up',
      `addr add ${nodeAddress}/32 dev lo`,
      ...[serviceNetwork, loadBalancerNetwork].map((network) => `route add ${network} dev lo src ${nodeAddress}`),
      `route add default dev lo table ${unroutedTable}`,
      `rule add not iif lo pref ${unroutedPriority} lookup ${unroutedTable}`,
    ],
    [],
    signal,
  );
  for (const [name, value] of settings) await writeFile(`/proc/sys/net/ipv4/${name}`, value, { signal });
  await restoreRules(nodeRules, signal);
}

/** Rules that never change. A packet to a Service that still has its address there has no rule, so nothing serves it. */
const nodeRules = `*nat
:${serviceChain} - [0:0]
:${hairpinChain} - [0:0]
-A PREROUTING -j ${serviceChain}
-A OUTPUT -j ${serviceChain}
-A POSTROUTING -m conntrack --ctstate DNAT -j ${hairpinChain}
COMMIT
*filter
:${rejectChain} - [0:0]
:${unreachableChain} - [0:0]
${['INPUT', 'FORWARD', 'OUTPUT'].map((hook) => `-A ${hook} -m conntrack --ctstate NEW -j ${rejectChain}`).join('\n')}
-A FORWARD -j ${unreachableChain}
-A OUTPUT -j ${unreachableChain}
${[serviceNetwork, loadBalancerNetwork]
  .map(
    (network) => `-A ${unreachableChain} -d ${network} -p tcp -j REJECT --reject-with tcp-reset
-A ${unreachableChain} -d ${network} -j REJECT --reject-with icmp-net-unreachable`,
  )
  .join('\n')}
-A FORWARD -o lo -j REJECT --reject-with icmp-net-unreachable
COMMIT
`;
