import { groupOf, type KubeObject } from './objects.ts';

/** Istio's DestinationRule, with the fields that are read here. */
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
