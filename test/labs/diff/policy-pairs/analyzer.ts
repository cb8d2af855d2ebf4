import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { PolicyPair } from './pairs.ts';
import { workloadNames } from './pairs.ts';

/** Change of a connection, such as `added a → b`. */
export type ConnectionChange = string;

/** Caller outside the mesh in a change of a connection. */
export const outside = 'outside';

const pods = [
  '{ apiVersion: v1, kind: Namespace, metadata: { name: default, labels: { istio-injection: enabled } } }',
  ...workloadNames.map(
    (name) =>
      `{ apiVersion: v1, kind: Pod, metadata: { name: ${name}, namespace: default, labels: { app: ${name} } }, spec: { serviceAccountName: ${name}, containers: [{ name: app, image: app }] } }`,
  ),
].join('\n---\n');

interface Rule {
  readonly src_pods?: readonly string[];
  readonly src_ip_block?: readonly string[];
  readonly dst_pods?: readonly string[];
  readonly connection?: readonly (string | { readonly dst_ports?: readonly (string | number)[] })[];
}

/**
 * Returns the connections that network-config-analyzer finds added or removed, each with what it says of them.
 *
 * @param program path of `nca`
 */
export function analyzedChanges(program: string, pair: PolicyPair, folder: string): Map<ConnectionChange, string[]> {
  const file = (name: string, text: string): string => {
    const found = path.join(folder, `${name}.yaml`);
    // It does not know the version v1.
    writeFileSync(found, text.replaceAll('security.istio.io/v1\n', 'security.istio.io/v1beta1\n'));
    return found;
  };
  const mesh = file('pods', pods);
  const lists = ['-n', mesh, '-p', mesh, '--base_ns_list', mesh, '--base_pod_list', mesh];
  const sides = ['--semantic_diff', file('after', pair.after), '-b', file('before', pair.before)];
  const { stdout, stderr } = spawnSync(program, [...sides, ...lists, '--output_format', 'json'], { encoding: 'utf8' });
  const begin = stdout.indexOf('[\n');
  if (begin < 0) throw new Error(`nca: ${stdout}${stderr}`);
  const [{ explanation = [] } = {}] = JSON.parse(stdout.slice(begin, stdout.lastIndexOf(']') + 1));
  const changes = new Map<ConnectionChange, string[]>();
  for (const { description, rules } of explanation as { description: string; rules: Rule[] }[])
    for (const rule of rules) addChanges(changes, description.startsWith('Added') ? 'added' : 'removed', rule);
  return changes;
}

/** Port of the Services of the workloads. Other connections do not exist. */
const port = 8080;

function isOfPort({ dst_ports: ports }: { readonly dst_ports?: readonly (string | number)[] }): boolean {
  if (ports === undefined) return true;
  return ports.some((one) => {
    const [first = 0, last = first] = String(one).split('-').map(Number);
    return first <= port && port <= last;
  });
}

/** Returns the names in a list such as `["a"]`, `["*"]` and `["app in (c,d)"]`. */
function podNames(names: readonly string[] = []): readonly string[] {
  return names.flatMap((name) => {
    if (name === '*') return workloadNames;
    if (name.startsWith('app!=')) return workloadNames.filter((one) => one !== name.slice(5));
    const [, some = name] = /^app in \((.*)\)$/.exec(name) ?? [];
    return some.split(',');
  });
}

function addChanges(changes: Map<ConnectionChange, string[]>, direction: 'added' | 'removed', rule: Rule): void {
  const connection = (rule.connection ?? []).filter((one) => typeof one === 'string' || isOfPort(one));
  if (connection.length === 0) return;
  const sources = [...podNames(rule.src_pods), ...(rule.src_ip_block === undefined ? [] : [outside])];
  for (const source of sources)
    for (const target of podNames(rule.dst_pods)) {
      // A workload does not call itself, and the analyzer joins such connections with others.
      if (source === target) continue;
      const change = `${direction} ${source} → ${target}`;
      changes.set(change, [...(changes.get(change) ?? []), JSON.stringify(connection)]);
    }
}
