import type { KubeObject } from '../objects.ts';

/** Reports whether a request selects an object. */
export type Matches = (object: KubeObject) => boolean;

/**
 * Parses the `labelSelector` and `fieldSelector` of a request (Kubernetes, "Labels and Selectors"). Supports the terms
 * `a=b`, `a!=b`, `a` and `!a`. Field selectors work for fields of the metadata; others match every object.
 *
 * @example parseSelectors(new URLSearchParams('labelSelector=app%3Da'))
 */
export function parseSelectors(parameters: URLSearchParams): Matches {
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
