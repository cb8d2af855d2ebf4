import type { KubeObject } from '../resources/objects.ts';

/** Reports whether an object is a Rollout of Argo Rollouts. */
export function isRollout({ apiVersion, kind }: KubeObject): boolean {
  return kind === 'Rollout' && apiVersion.startsWith('argoproj.io/');
}

/**
 * Returns the Deployment that a Rollout results in when no release is in progress, or undefined if the Rollout refers to
 * a Deployment instead of a template of its own.
 */
export function deploymentOf({ metadata, spec }: KubeObject): KubeObject | undefined {
  const { replicas, selector, template } = (spec ?? {}) as Record<string, unknown>;
  if (template === undefined || selector === undefined) return undefined;
  const fields = replicas === undefined ? { selector, template } : { replicas, selector, template };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: fields };
}
