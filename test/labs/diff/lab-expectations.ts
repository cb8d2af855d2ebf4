import type { DifferenceKind } from '../../../src/diff/difference.ts';
import type { Expected, LabExpectations } from './expected.ts';
import { gatewayExpectations } from './gateway-expectations.ts';

const access: readonly DifferenceKind[] = ['refused', 'allowed'];
const versions: readonly DifferenceKind[] = ['share', 'version', 'destination'];

function at(to: string | readonly string[], ...kinds: readonly DifferenceKind[]): Expected {
  return { to: [to].flat(), kinds };
}

function listed(pattern: RegExp): Expected {
  return { to: [], kinds: [], listed: pattern };
}

const allOfMesh = ['gateway', 'service1', 'service2', 'service3', 'service4'];
const logs = listed(/Telemetry ingress .*logs, metrics and traces/);

/** Edges and kinds of differences of the labs, by their folder. */
export const labExpectations: Readonly<Record<string, LabExpectations>> = {
  ...gatewayExpectations,
  authorization: {
    change: at('service4', ...access),
    mutations: { 'a policy for the wrong workload': at(['service3', 'service4'], ...access) },
  },
  'circuit-breaking': {
    change: at('service4', 'limit'),
    mutations: { 'a renamed host of a connection pool': at(['service4', 'service5'], 'limit') },
  },
  'dry-run': {
    change: at('service4', 'request_header'),
    mutations: {
      'a DENY policy that is in force': at('service4', 'refused'),
      'an ALLOW policy without the annotation': at('service4', 'refused'),
      'a policy for the wrong workload': at(['service3', 'service4'], 'request_header'),
    },
  },
  'external-authorization': {
    change: at('service4', 'request_header'),
    mutations: {
      'a policy for the wrong workload': at(['service3', 'service4'], 'request_header'),
      'a policy for every port': at('service4', 'request_header'),
      'a misspelled provider': at('service4', 'refused'),
      'a misspelled service of a provider': at('service4', 'refused'),
      'a header of the request that the authorizer does not receive': listed(/filter .*ext_authz: its settings differ/),
      'a provider that lets requests pass without an answer': listed(/filter .*ext_authz: its settings differ/),
      'a timeout ten times as long': listed(/filter .*ext_authz: its settings differ/),
    },
  },
  'fault-injection': {
    change: at(['service3', 'service4'], 'fault'),
    files: { 'delay.yaml': at('service4', 'fault'), 'abort.yaml': at('service3', 'fault') },
  },
  'grpc-routing': { change: at('service3', ...versions) },
  'header-manipulation': {
    change: at(['service1', 'service4'], 'request_header'),
    mutations: {
      'a header that is added instead of set': at('service1', 'request_header'),
      'another value of a header': at('service1', 'request_header'),
      'a misspelled header to remove': at('service4', 'destination'),
    },
  },
  jwt: {
    change: at('service4', ...access),
    mutations: { 'a token that is not forwarded': at('service4', 'request_header') },
  },
  'load-balancing': { change: listed(/consistent hashing: its settings differ/) },
  'locality-load-balancing': {
    change: at('stock', 'share'),
    mutations: { 'a later ejection of a failing zone': at('stock', 'outlier_detection') },
  },
  mirroring: {
    change: at('service3', 'mirror'),
    mutations: { 'a swapped version': at('service3', ...versions) },
  },
  'mtls-migration': {
    change: { ...at(allOfMesh, 'refused'), from: ['legacy', 'outside'] },
    files: { 'strict.yaml': { ...at(allOfMesh, 'allowed'), from: ['legacy', 'outside'] } },
  },
  'outlier-detection': { change: at('service5', 'outlier_detection') },
  'rate-limit': {
    change: at('service4', 'limit'),
    mutations: { 'a limit on outbound instead of inbound requests': at(allOfMesh, 'limit') },
  },
  'request-hedging': {
    change: listed(/request hedging: its settings differ/),
    mutations: {
      'a missing timeout of one attempt': at('service3', 'timeout'),
      'a renamed host of a retry': at(['service2', 'service3'], 'timeout', 'retries'),
    },
  },
  'request-routing': {
    change: at(['service2', 'service3'], ...versions),
    files: { 'by-end-user.yaml': at('service2', ...versions), 'by-header.yaml': at('service3', ...versions) },
    mutations: { 'a renamed host of a route': at(['service3', 'service4'], ...versions) },
  },
  'request-routing-gateway-api': {
    change: at('service2', ...versions),
    // The other Services have no port for gRPC.
    mutations: { 'a missing port of a parent': at('service2', 'refused') },
  },
  'request-timeouts': {
    change: at(['service2', 'service3'], 'timeout'),
    files: { 'timeout.yaml': at('service2', 'timeout'), 'timeout-of-a-try.yaml': at('service3', 'timeout') },
    mutations: { 'another retry condition': at('service3', 'retries') },
  },
  retries: {
    change: at(['service1', 'service2', 'service3'], 'retries'),
    files: { 'everywhere.yaml': at('service3', 'retries'), 'at-one-level.yaml': at('service2', 'retries') },
  },
  telemetry: { change: logs },
  'traffic-shifting': { change: at('service3', 'share') },
  tcp: {
    change: at('echo', ...access),
    files: { 'weights.yaml': at('echo', ...versions), 'allow.yaml': at('echo', ...access) },
  },
  websocket: {
    change: at(['service2', 'service3'], ...versions, 'timeout', 'retries'),
    files: {
      'by-end-user.yaml': at('service2', ...versions),
      'gateway-only.yaml': listed(/upgrade=websocket: no request was found/),
    },
    mutations: {
      'a timeout ten times as long': at('service3', 'timeout'),
      'one retry less': at('service3', 'retries'),
      'a policy for HTTP calls too': at('service4', 'refused'),
    },
  },
  '../octopus': {
    change: at('webserver', ...versions),
    files: { 'retries.yaml': at('webserver', 'retries') },
  },
};

/**
 * Returns the report that a change of a lab must have.
 *
 * @param file file of a mutation; undefined for the change of the lab itself
 */
export function expectedOf(lab: string, file = '', mutation = ''): Expected {
  const expectations = labExpectations[lab];
  if (expectations === undefined) throw new Error(`test/labs/diff/lab-expectations.ts has no lab ${lab}`);
  const { change, files = {}, mutations = {} } = expectations;
  return mutations[mutation] ?? files[file] ?? change;
}
