import { canonicalText, isJsonObject, type Json, type JsonObject, textAt, valueAt } from './json.ts';

/** Returns a name for an address that is the same in both snapshots; undefined if the address is not of the mesh. */
export type AddressNames = (address: string) => string | undefined;

/**
 * Fields that no request notices: names of statistics, logs, traces, and the object that a part was made from. `name` is
 * such a field only in the objects of `namelessParts`.
 */
const silentFields = new Set([
  'access_log',
  'alt_stat_name',
  'decorator',
  'stat_prefix',
  'tracing',
  'version_info',
  'last_updated',
]);

/** Fields of Istio's metadata that name objects. Others, such as `alpn_override`, decide about requests. */
const namingMetadata = new Set(['config', 'services', 'subset', 'workload']);

/** HTTP filters of which only the logs and metrics are different. */
const silentFilters = new Set(['envoy.filters.http.grpc_stats', 'istio.stats', 'istio.metadata_exchange']);

/**
 * Returns a part of Envoy's configuration without what differs between two starts of the same mesh, and without what no
 * request notices. Equal results mean equal behaviour.
 *
 * @example canonicalText(normalized(virtualHost, () => undefined))
 */
export function normalized(value: Json | undefined, names: AddressNames): Json {
  if (typeof value === 'string') return normalizedText(value, names);
  if (Array.isArray(value)) return (value as readonly Json[]).filter(isHeard).map((one) => normalized(one, names));
  if (!isJsonObject(value)) return value ?? null;
  return isOpaque(value) ? opaque(value, names) : normalizedObject(value, names);
}

/** Reports whether the fields of an object are settings of a filter, and not those of Envoy. */
function isOpaque(object: JsonObject): boolean {
  return /TypedStruct$|google\.protobuf\.Struct$/.test(textAt(object, '@type') ?? '');
}

/** Returns settings of a filter with the names of addresses. Any of its fields may decide about requests. */
function opaque(value: Json | undefined, names: AddressNames): Json {
  if (typeof value === 'string') return normalizedText(value, names);
  if (Array.isArray(value)) return (value as readonly Json[]).map((one) => opaque(one, names));
  if (!isJsonObject(value)) return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([field, one]) => [field, opaque(one, names)]));
}

function normalizedObject(object: JsonObject, names: AddressNames): Json {
  const isNameless =
    isRoute(object) || 'virtual_hosts' in object || isVirtualHost(object) || 'filter_chain_match' in object;
  const entries = Object.entries(object).flatMap(([field, value]): [string, Json][] => {
    if (silentFields.has(field) || (field === 'name' && isNameless)) return [];
    switch (field) {
      case 'metadata':
        return [[field, metadataOf(value, names)]];
      case 'policies':
        return [[field, isRbac(object) ? policiesOf(value, names) : normalized(value, names)]];
      case 'lb_endpoints':
      case 'domains':
        return [[field, sortedList(normalized(value, names))]];
      default:
        return [[field, normalized(value, names)]];
    }
  });
  return Object.fromEntries(entries.filter(([field, value]) => field !== 'metadata' || canonicalText(value) !== '{}'));
}

function isHeard(value: Json): boolean {
  return !silentFilters.has(String(valueAt(value, 'name') ?? ''));
}

function isRoute(object: JsonObject): boolean {
  return 'match' in object && ('route' in object || 'redirect' in object || 'direct_response' in object);
}

function isVirtualHost(object: JsonObject): boolean {
  return 'domains' in object && 'name' in object;
}

function isRbac(object: JsonObject): boolean {
  const policies = isJsonObject(object.policies) ? Object.values(object.policies) : [];
  return policies.length > 0 && policies.every((one) => isJsonObject(one) && 'permissions' in one);
}

function metadataOf(value: Json | undefined, names: AddressNames): Json {
  const filters = valueAt(value, 'filter_metadata');
  if (!isJsonObject(filters)) return normalized(value, names);
  const kept = Object.entries(filters).map(([filter, fields]): [string, Json] => {
    if (filter !== 'istio' || !isJsonObject(fields)) return [filter, normalized(fields, names)];
    return [filter, normalized(withoutNames(fields), names)];
  });
  return Object.fromEntries(kept.filter(([, fields]) => canonicalText(fields) !== '{}'));
}

function withoutNames(fields: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([field]) => !namingMetadata.has(field)));
}

/** Policies match in any order, and their names are those of objects. */
function policiesOf(value: Json | undefined, names: AddressNames): Json {
  return isJsonObject(value) ? sortedList(Object.values(value).map((policy) => normalized(policy, names))) : null;
}

function sortedList(value: Json): Json {
  if (!Array.isArray(value)) return value;
  return (value as readonly Json[]).toSorted((a, b) => (canonicalText(a) < canonicalText(b) ? -1 : 1));
}

/** Address with or without a port, and the name of a listener, such as `10.96.0.1_443`. */
const addressPattern = /^(\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f:]+:[0-9a-f:]*)([:_]\d+)?$/;

function normalizedText(text: string, names: AddressNames): string {
  const [, address, port = ''] = addressPattern.exec(text) ?? [];
  if (address === undefined) return text;
  const name = names(address);
  return name === undefined ? text : `${name}${port}`;
}
