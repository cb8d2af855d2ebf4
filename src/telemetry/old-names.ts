import type { Attributes } from '@opentelemetry/api';
import { optional } from '../error/optional.ts';
import { type GrpcStatusName, grpcStatusNames } from '../plan/plan.ts';

/** Choice of the protocols whose spans also have the attribute names before the stable conventions. */
export interface OldNames {
  readonly http: boolean;
  readonly rpc: boolean;
}

/** Old names of unchanged attributes (OpenTelemetry, "HTTP semantic convention stability migration"). */
const renamed = {
  'http.request.method': 'http.method',
  'http.response.status_code': 'http.status_code',
  'http.request.resend_count': 'http.resend_count',
  'url.full': 'http.url',
  'url.scheme': 'http.scheme',
  'user_agent.original': 'http.user_agent',
} as const;

/**
 * Returns the attributes of a span with old names beside the new ones. One old attribute is lost: `rpc.method` has a new
 * meaning under the same name.
 *
 * @param isServer whether the span is of the callee
 */
export function withOldNames(attributes: Attributes, names: OldNames, isServer: boolean): Attributes {
  const isRpc = attributes['rpc.system.name'] !== undefined;
  if (!(isRpc ? names.rpc : names.http)) return attributes;
  const [service] = String(attributes['rpc.method']).split('/');
  return {
    ...attributes,
    ...(isRpc ? { 'rpc.system': 'grpc', 'rpc.service': service } : oldHttp(attributes)),
    ...oldAddress(attributes, isServer),
  };
}

/** Returns the old attributes of a status: an HTTP status, or the name of a gRPC status. */
export function oldStatus(status: number | string, names: OldNames): Attributes {
  if (typeof status === 'number') return names.http ? { [renamed['http.response.status_code']]: status } : {};
  return names.rpc ? { 'rpc.grpc.status_code': grpcStatusNames.indexOf(status as GrpcStatusName) } : {};
}

function oldHttp(attributes: Attributes): Attributes {
  const old: Attributes = {};
  for (const [name, oldName] of Object.entries(renamed)) {
    const value = attributes[name];
    if (value !== undefined) old[oldName] = value;
  }
  const {
    'url.path': path,
    'url.query': query,
    'url.scheme': scheme,
    'server.address': host,
    'server.port': port,
  } = attributes;
  if (path === undefined) return old;
  const target = query === undefined ? String(path) : `${path}?${query}`;
  const authority = port === undefined ? host : `${host}:${port}`;
  // The old conventions had no such attribute on servers, but Envoy's spans have it, and Kiali shows it.
  return {
    ...old,
    'http.target': target,
    ...(host === undefined ? {} : { 'http.url': `${scheme}://${authority}${target}` }),
  };
}

function oldAddress({ 'server.address': host, 'server.port': port }: Attributes, isServer: boolean): Attributes {
  const side = isServer ? 'net.host' : 'net.peer';
  return {
    ...optional(`${side}.name`, host),
    ...optional(`${side}.port`, port),
  };
}
