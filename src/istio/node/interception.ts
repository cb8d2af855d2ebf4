import { jaegerAddress } from '../network/addresses.ts';
import { podCommand, runProgram } from '../process/program.ts';
import type { Container } from '../resources/objects.ts';

/** Ports on which a mock accepts the connections of entries, which bypass its sidecar. */
export const entryPorts = { http: 15980, grpc: 15990 } as const;

export interface InterceptionOptions {
  /** Init container of Istio, from its injector. */
  readonly container: Container;
  readonly env: NodeJS.ProcessEnv;
  readonly pilotAgent: string;
  /** User of the pod's proxy, whose traffic is not redirected. */
  readonly uid: number;
  /** Network namespace of the pod. */
  readonly namespace: string;
  /** Folder with the pod's files in /etc. */
  readonly etc: string;
}

/** Sets the iptables rules of istio-init, which redirect the traffic of a pod through its sidecar. */
export async function interceptTraffic(
  { container, env, pilotAgent, uid, namespace, etc }: InterceptionOptions,
  signal: AbortSignal,
): Promise<void> {
  // istio-iptables redirects the queries to the name servers in /etc/resolv.conf.
  const command = podCommand({ namespace, etc }, [pilotAgent, ...interceptionArguments(container.args ?? [], uid)]);
  const [program = '', ...args] = command;
  await runProgram(program, args, { env, signal });
}

/** Flags of the init container that only validates the rules of the CNI plugin, whose work the node does. */
const cniFlags = ['--run-validation', '--skip-rule-apply'];

/**
 * Returns the arguments of istio-iptables with what the local mesh adds: calls from this machine bypass the sidecar, and
 * so do the spans of the mock. The proxy has a user of its own.
 */
export function interceptionArguments(args: readonly string[], uid: number): string[] {
  const added: Readonly<Record<string, string>> = {
    '-d': `${entryPorts.http},${entryPorts.grpc}`,
    '-x': `${jaegerAddress}/32`,
  };
  const changed = args.flatMap((value, index) => {
    if (cniFlags.includes(value)) return [];
    const flag = args[index - 1] ?? '';
    if (flag === '-u' || flag === '-g') return String(uid);
    const more = added[flag];
    if (more === undefined) return value;
    return value === '' ? more : `${value},${more}`;
  });
  return changed.includes('-g') ? changed : [...changed, '-g', String(uid)];
}
