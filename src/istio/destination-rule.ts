import { groupOf, type KubeObject } from './objects.ts';

/** Istio's DestinationRule, as much as is looked at. */
export interface DestinationRule extends KubeObject {
  spec: {
    host: string;
    subsets?: { name: string; labels?: Record<string, string> }[];
    exportTo?: string[];
    workloadSelector?: unknown;
  };
}

export function isDestinationRule(object: KubeObject): object is DestinationRule {
  return object.kind === 'DestinationRule' && groupOf(object) === 'networking.istio.io';
}
