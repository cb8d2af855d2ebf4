import type { Random } from '../../../random.ts';

/** Workloads to which policies apply, all in the namespace `default`. */
export const workloadNames = ['a', 'b', 'c', 'd'] as const;

/** Two sets of AuthorizationPolicies, as YAML. */
export interface PolicyPair {
  readonly before: string;
  readonly after: string;
}

interface Rule {
  readonly from: string | undefined;
  readonly to: readonly string[];
}

interface Policy {
  readonly target: string | undefined;
  readonly action: 'ALLOW' | 'DENY';
  readonly rules: readonly Rule[];
}

/** Returns pairs of which most differ in one policy. Each snapshot is compared with several others. */
export function policyPairs(count: number, random: Random): PolicyPair[] {
  const pairs: PolicyPair[] = [];
  while (pairs.length < count) {
    const old = Array.from({ length: 1 + random.below(3) }, () => randomPolicy(random));
    for (let index = 0; index < pairsOfOne && pairs.length < count; index++)
      pairs.push({ before: yamlOf(old), after: yamlOf(changed(old, random)) });
  }
  return pairs;
}

const pairsOfOne = 5;

function changed(policies: readonly Policy[], random: Random): Policy[] {
  const index = random.below(policies.length);
  const old = policies[index];
  if (old === undefined || random.chance(0.1)) return [...policies, randomPolicy(random)];
  if (random.chance(0.1)) return policies.filter((one) => one !== old);
  return policies.with(index, changedPolicy(old, random));
}

function changedPolicy(policy: Policy, random: Random): Policy {
  const { rules } = policy;
  const index = random.below(Math.max(1, rules.length));
  const rule = rules[index] ?? randomRule(random);
  switch (random.below(6)) {
    case 0:
      return { ...policy, action: policy.action === 'ALLOW' ? 'DENY' : 'ALLOW' };
    case 1:
      return { ...policy, target: randomTarget(random) };
    case 2:
      return { ...policy, rules: [...rules, randomRule(random)] };
    case 3:
      return { ...policy, rules: rules.toSpliced(index, 1, { ...rule, from: randomSource(random) }) };
    default:
      return { ...policy, rules: rules.toSpliced(index, 1, { ...rule, to: randomOperation(random) }) };
  }
}

function randomPolicy(random: Random): Policy {
  const rules = Array.from({ length: 1 + random.below(2) }, () => randomRule(random));
  return { target: randomTarget(random), action: random.pick(['ALLOW', 'ALLOW', 'DENY']), rules };
}

function randomTarget(random: Random): string | undefined {
  return random.pick([...workloadNames, undefined]);
}

function randomRule(random: Random): Rule {
  return { from: randomSource(random), to: randomOperation(random) };
}

function randomSource(random: Random): string | undefined {
  const accounts = random.some(2, () => `cluster.local/ns/default/sa/${random.pick(workloadNames)}`);
  if (accounts.length === 0) return undefined;
  return `${random.pick(['principals', 'notPrincipals'])}: [${[...new Set(accounts)]}]`;
}

const paths = ['/admin', '/admin/*', '/api/users', '/api/*', '/public*'];
const methods = ['GET', 'POST', 'PUT'];

function randomOperation(random: Random): string[] {
  const list = (values: readonly string[]): string =>
    [...new Set([random.pick(values), random.pick(values)])].join(', ');
  const fields = [
    `${random.pick(['methods', 'methods', 'notMethods'])}: [${list(methods)}]`,
    `${random.pick(['paths', 'paths', 'notPaths'])}: [${list(paths)}]`,
    `${random.pick(['ports', 'notPorts'])}: ["${random.pick(['8080', '9000'])}"]`,
  ];
  return fields.filter(() => random.chance(0.4));
}

function yamlOf(policies: readonly Policy[]): string {
  return policies
    .map(({ target, action, rules }, index) => {
      const selector = target === undefined ? '' : `selector: { matchLabels: { app: ${target} } }, `;
      return `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: policy-${index}, namespace: default }
spec: { ${selector}action: ${action}, rules: [${rules.map(ruleText)}] }`;
    })
    .join('\n---\n');
}

function ruleText({ from, to }: Rule): string {
  const parts = [
    ...(from === undefined ? [] : [`from: [{ source: { ${from} } }]`]),
    ...(to.length === 0 ? [] : [`to: [{ operation: { ${to.join(', ')} } }]`]),
  ];
  return `{ ${parts.join(', ')} }`;
}
