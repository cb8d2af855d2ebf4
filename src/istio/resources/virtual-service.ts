import { groupOf, type KubeObject } from './objects.ts';

/** Istio's VirtualService, with the fields that are read here. */
export interface VirtualService extends KubeObject {
  spec: { hosts?: string[]; gateways?: string[]; http?: HttpRoute[]; tcp?: unknown[]; tls?: unknown[] };
}

/** HTTP route of a VirtualService. */
export interface HttpRoute {
  name?: string;
  match?: RouteMatch[] | null;
  route?: { destination: Destination }[] | null;
  redirect?: unknown;
  directResponse?: unknown;
  rewrite?: { uri?: string; authority?: string; uriRegexRewrite?: { match: string; rewrite: string } };
  delegate?: { name: string; namespace?: string };
}

/** Destination of a route: a host and, if given, a subset and a port. */
export interface Destination {
  host: string;
  subset?: string;
  port?: { number: number };
}

export interface RouteMatch {
  name?: string;
  uri?: UriMatch;
}

export interface UriMatch {
  exact?: string;
  prefix?: string;
  regex?: string;
}

export function isVirtualService(object: KubeObject): object is VirtualService {
  return object.kind === 'VirtualService' && groupOf(object) === 'networking.istio.io';
}
