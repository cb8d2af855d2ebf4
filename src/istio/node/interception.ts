import { jaegerAddress } from '../network/addresses.ts';
import { namespacesFolder, podCommand, runProgram } from '../process/program.ts';
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
  /** Address of the pod. */
  readonly address: string;
  /** Folder with the pod's files in /etc. */
  readonly etc: string;
  /** Text of the pod's /etc/resolv.conf. */
  readonly resolvConf: string;
}

/**
 * Rules of iptables that redirect the traffic of pods through their sidecars. istio-iptables sets them in one pod, and
 * further pods with the same settings get a copy: it runs about twenty programs.
 */
export class InterceptionRules {
  /** Rules by settings; undefined if they cannot be copied. */
  private readonly made = new Map<string, Promise<string | undefined>>();

  /**
   * Creates the network of a pod, with the rules of istio-init in it.
   *
   * @param createNetwork creates the network, with rules if they are known
   */
  async apply(
    options: InterceptionOptions,
    createNetwork: (rules: string | undefined) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const key = settingsKey(options);
    const rules = await this.made.get(key)?.catch(() => undefined);
    if (rules !== undefined) return createNetwork(rules.replaceAll(uidMark, String(options.uid)));
    const making = makeRules(options, createNetwork, signal);
    if (!this.made.has(key)) {
      this.made.set(key, making);
      making.catch(() => this.made.delete(key));
    }
    await making;
  }
}

/** Text in place of the proxy's user in copied rules. */
const uidMark = 'UID-OF-THE-PROXY';

/** Returns the settings on which the rules depend, besides the user of the proxy. */
function settingsKey({ container, env, resolvConf }: InterceptionOptions): string {
  return JSON.stringify([container.args ?? [], env, resolvConf]);
}

/**
 * Creates a network, and lets istio-iptables set the rules in it.
 *
 * @returns the rules with `uidMark`; undefined if other pods cannot have them
 */
async function makeRules(
  options: InterceptionOptions,
  createNetwork: (rules: string | undefined) => Promise<void>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { container, env, pilotAgent, uid, namespace, etc, address } = options;
  await createNetwork(undefined);
  const args = interceptionArguments(container.args ?? [], uid);
  // istio-iptables redirects the queries to the name servers in /etc/resolv.conf.
  const [program = '', ...rest] = podCommand({ namespace, etc }, [pilotAgent, ...args]);
  await runProgram(program, rest, { env, signal });
  // Where rules cannot be read, such as those of IPv6 on a machine without it, istio-iptables runs for each pod.
  const saved = (save: string): Promise<string | undefined> =>
    runProgram('nsenter', [`--net=${namespacesFolder}/${namespace}`, save], { signal }).catch(() => undefined);
  const [rules, rules6] = await Promise.all(['iptables-save', 'ip6tables-save'].map(saved));
  signal.throwIfAborted();
  return copyableRules(args, { rules, rules6 }, { uid, address });
}

/**
 * Returns rules for other pods, or undefined if rules are not all that istio-iptables has set, if they are specific to
 * the pod, or if they could not be read.
 */
export function copyableRules(
  args: readonly string[],
  { rules, rules6 }: { readonly rules: string | undefined; readonly rules6: string | undefined },
  { uid, address }: { readonly uid: number; readonly address: string },
): string | undefined {
  if (rules === undefined || rules6 === undefined) return undefined;
  // TPROXY needs routes too, and IPv6 an address.
  const isRedirect = args[args.indexOf('-m') + 1] === 'REDIRECT';
  // The rules are not here if istio-iptables has chosen the other one of the two kinds of iptables.
  const areAll = rules.includes(':ISTIO_OUTPUT ') && !rules6.includes('ISTIO');
  if (!isRedirect || !areAll || rules.includes(`${address}/`)) return undefined;
  return rules.replaceAll(new RegExp(`(--[ug]id-owner) ${uid}\\b`, 'g'), `$1 ${uidMark}`);
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
