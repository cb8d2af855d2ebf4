import type { Plan } from './plan.ts';

/**
 * Reports whether two plans differ only in their texts and values: they have the same directives, stages and calls.
 *
 * @example
 * hasSameShape(parsePath('/@a/x', noLimits), parsePath('/@b/y', noLimits)); // true
 */
export function hasSameShape(one: Plan | undefined, other: Plan | undefined): boolean {
  return shapeOf(one) === shapeOf(other);
}

function shapeOf(plan: Plan | undefined): string {
  if (plan === undefined) return '';
  const directives = plan.directives.map(({ kind }) => kind).join(' ');
  if (plan.kind === 'answer') return directives;
  const stages = plan.stages.map((stage) => stage.map(({ then }) => `(${shapeOf(then)})`).join('|'));
  return `${directives}@${stages.join(',')}/${shapeOf(plan.then)}`;
}
