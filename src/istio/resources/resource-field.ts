import type { Container } from './objects.ts';

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
