import { nodeAddress } from '../network/addresses.ts';
import type { Container } from '../resources/objects.ts';
import type { PodPlan } from './pod-plan.ts';

/** Pod with its address, whose fields the downward API shows. */
export interface PodWithAddress {
  readonly plan: PodPlan;
  readonly address: string;
}

/**
 * Returns a field of a pod for the downward API (Kubernetes, "Downward API").
 *
 * @returns undefined for a field that the downward API does not have
 */
export function podField({ plan, address }: PodWithAddress, path: string): string | undefined {
  const [, map, key] = /^metadata\.(labels|annotations)(?:\['([^']+)'\])?$/.exec(path) ?? [];
  if (map === 'labels' || map === 'annotations') return key === undefined ? lines(plan[map]) : (plan[map][key] ?? '');
  const fields: Readonly<Record<string, string>> = {
    'metadata.name': plan.name,
    'metadata.namespace': plan.namespace,
    'metadata.uid': plan.uid,
    'spec.nodeName': plan.spec.nodeName ?? '',
    'spec.serviceAccountName': plan.serviceAccount,
    'status.podIP': address,
    'status.podIPs': address,
    'status.hostIP': nodeAddress,
    'status.hostIPs': nodeAddress,
  };
  return fields[path];
}

/** Formats labels as the downward API writes them into a file. */
function lines(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => `${name}=${JSON.stringify(value)}\n`)
    .join('');
}

const unitFactors: Readonly<Record<string, number>> = {
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  Ti: 1024 ** 4,
};

/**
 * Returns a limit or request of a container, in units of the divisor and rounded up, as kubelet gives it to variables.
 *
 * @returns undefined if the container does not set it: kubelet then gives the capacity of the node
 */
export function resourceField(
  { resources }: Container,
  { resource, divisor = '1' }: { readonly resource: string; readonly divisor?: string },
): string | undefined {
  const [list = '', name = ''] = resource.split('.');
  const value = resources?.[list as 'limits' | 'requests']?.[name];
  const amount = value === undefined ? undefined : quantity(value);
  const unit = quantity(divisor === '0' ? '1' : divisor);
  return amount === undefined || unit === undefined ? undefined : String(Math.ceil(amount / unit));
}

function quantity(text: string | number): number | undefined {
  const [, number, unit = ''] = /^([\d.]+(?:e\d+)?)([A-Za-z]*)$/.exec(String(text)) ?? [];
  const factor = unitFactors[unit];
  return number === undefined || factor === undefined ? undefined : Number(number) * factor;
}
