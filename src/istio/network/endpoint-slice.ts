import type { KubeObject } from '../objects.ts';

/** Label that names the Service of an EndpointSlice. */
export const serviceNameLabel = 'kubernetes.io/service-name';

export interface EndpointSlice extends KubeObject {
  endpoints?: {
    addresses: string[];
    hostname?: string;
    conditions?: { ready?: boolean; serving?: boolean; terminating?: boolean };
    targetRef?: { name: string; namespace?: string };
  }[];
  ports?: { name?: string; port?: number; protocol?: string }[];
}
