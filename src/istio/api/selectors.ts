import type { KubeObject } from '../objects.ts';

export type Matches = (object: KubeObject) => boolean;

/**
 * What a request's `labelSelector` and `fieldSelector` ask for (Kubernetes, "Labels and Selectors"): `a=b`, `a!=b`,
 * `a`, `!a`; of fields those of the metadata.
 */
export function selectorOf(parameters: URLSearchParams): Matches {
  const labels = termsOf(parameters.get('labelSelector'));
  const fields = termsOf(parameters.get('fieldSelector')).filter((term) => term.startsWith('metadata.'));
  return ({ metadata }) =>
    labels.every((term) => holds(term, metadata.labels ?? {})) &&
    fields.every((term) => holds(term.slice('metadata.'.length), metadata as Readonly<Record<string, unknown>>));
}

function termsOf(selector: string | null): string[] {
  return (selector ?? '').split(',').filter((term) => term !== '');
}

function holds(term: string, values: Readonly<Record<string, unknown>>): boolean {
  const [, name = term, operator, value] = /^([^!=]+)(!=|={1,2})(.*)$/.exec(term) ?? [];
  if (operator !== undefined) return (operator === '!=') !== (values[name] === value);
  return term.startsWith('!') ? values[term.slice(1)] === undefined : values[term] !== undefined;
}
