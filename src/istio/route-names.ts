import type { KubeObject } from './objects.ts';

/** As much of a VirtualService as its routes' names are about. */
export interface VirtualService extends KubeObject {
  spec: { http?: HttpRoute[]; [field: string]: unknown };
}

export interface HttpRoute {
  name?: string;
  match?: { name?: string; [field: string]: unknown }[];
  [field: string]: unknown;
}

export function isVirtualService(object: KubeObject): object is VirtualService {
  return object.kind === 'VirtualService' && object.apiVersion.startsWith('networking.istio.io/');
}

/** The name of a route without one: no other of a mesh has it, and it is found where Istio joins names of delegates. */
export function routeName({ namespace = 'default', name }: KubeObject['metadata'], index: number): string {
  return `/${namespace}/${name}/http[${index}]`;
}

/** The name of a match without one: it follows that of its route, after a dot. */
export function matchName(index: number): string {
  return `match[${index}]`;
}

/** A VirtualService whose routes have names in access logs; where somebody gave one, an EnvoyFilter may be about it. */
export function withRouteNames(object: KubeObject): KubeObject {
  if (!isVirtualService(object) || object.spec?.http === undefined) return object;
  const http = object.spec.http.map((route, index) => {
    if (route.name) return route;
    const match = route.match?.map((one, place) => ({ ...one, name: one.name || matchName(place) }));
    return { ...route, name: routeName(object.metadata, index), ...(match === undefined ? {} : { match }) };
  });
  return { ...object, spec: { ...object.spec, http } };
}
