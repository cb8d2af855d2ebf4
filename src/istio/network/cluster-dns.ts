import { isIP, isIPv4 } from 'node:net';
import type { Answer, Question, SoaAnswer } from 'dns-packet';
import { nodeAddress } from './addresses.ts';
import type { ClusterRecords, NameTarget } from './cluster-records.ts';

/** Answer to a question, without the parts of a packet that depend on the client. */
export interface DnsAnswer {
  readonly rcode: 'NOERROR' | 'NXDOMAIN' | 'REFUSED';
  readonly answers: readonly Answer[];
  /** The record SOA of the zone, if there are no answers. */
  readonly authorities: readonly Answer[];
  /** Addresses of names in the answers. */
  readonly additionals: readonly Answer[];
}

/** Short, because addresses of pods change. */
const ttlSeconds = 1;
const clusterZone = 'cluster.local';
const reverseZones: readonly string[] = ['in-addr.arpa', 'ip6.arpa'];
const nameServer = `ns.dns.${clusterZone}`;
const maxAliases = 10;

/**
 * Answers a question as CoreDNS does in a cluster of kubeadm: with the records of its kubernetes plugin, and with hosts
 * outside the cluster instead of forwarding.
 *
 * @example answerQuery({ type: 'A', name: 'web.default.svc.cluster.local' }, records).answers
 */
export function answerQuery(question: Question, records: ClusterRecords): DnsAnswer {
  const name = question.name.toLowerCase().replace(/\.$/, '');
  if (question.type === 'AXFR' || question.type === 'IXFR')
    return { rcode: 'REFUSED', answers: [], authorities: [], additionals: [] };
  if (isIn(name, clusterZone)) return clusterAnswer(question, name, records);
  const reverseZone = reverseZones.find((zone) => isIn(name, zone));
  if (reverseZone !== undefined) return reverseAnswer(question, name, reverseZone, records);
  return externalAnswer(question, name, records);
}

function clusterAnswer(question: Question, name: string, records: ClusterRecords): DnsAnswer {
  const isZone = name === clusterZone;
  if (question.type === 'SOA') return found(clusterZone, isZone ? [soaOf(clusterZone)] : []);
  if (question.type === 'NS' && isZone)
    return found(
      clusterZone,
      [{ type: 'NS', name: question.name, ttl: ttlSeconds, data: nameServer }],
      [addressRecord(nameServer, nodeAddress)],
    );
  if (question.type === 'TXT' && name === `dns-version.${clusterZone}`)
    return found(clusterZone, [{ type: 'TXT', name: question.name, ttl: ttlSeconds, data: '1.1.0' }]);
  const targets = clusterTargets(name, records);
  // For text, a name without addresses does not exist in CoreDNS either.
  if (targets === undefined || (question.type === 'TXT' && targets.length === 0)) return unknownName(clusterZone);
  return answerFrom(question, targets, records);
}

function clusterTargets(name: string, records: ClusterRecords): readonly NameTarget[] | undefined {
  if (name === nameServer) return [{ host: nodeAddress, port: 0, name }];
  return records.targetsOf(name.slice(0, -clusterZone.length).replace(/\.$/, ''));
}

function answerFrom(question: Question, targets: readonly NameTarget[], records: ClusterRecords): DnsAnswer {
  switch (question.type) {
    case 'A':
    case 'AAAA':
      return found(clusterZone, addressRecords(question, targets, records, []));
    case 'SRV':
      return serviceRecords(question, targets);
    case 'CNAME':
      return found(
        clusterZone,
        targets
          .slice(0, 1)
          .filter(isAlias)
          .map((target) => aliasRecord(question.name, target)),
      );
    default:
      return found(clusterZone, []);
  }
}

/**
 * Returns the records of a name's addresses. An alias is followed; an alias of a name without addresses is left out.
 *
 * @param followed names of the aliases that led here
 */
function addressRecords(
  { type, name }: Pick<Question, 'type' | 'name'>,
  targets: readonly NameTarget[],
  records: ClusterRecords,
  followed: readonly string[],
): Answer[] {
  const family = type === 'AAAA' ? 6 : 4;
  const addresses = new Set(targets.filter(({ host }) => isIP(host) === family).map(({ host }) => host));
  const aliases = targets.filter(isAlias).flatMap((target) => {
    const host = target.host.toLowerCase();
    if (followed.includes(host) || host === name.toLowerCase() || followed.length > maxAliases) return [];
    const alias = aliasRecord(name, target);
    if (!isIn(host, clusterZone)) {
      const known = (records.externalAddresses(host) ?? []).filter((address) => isIP(address) === family);
      return [alias, ...known.map((address) => addressRecord(host, address))];
    }
    const next = clusterTargets(host, records) ?? [];
    const rest = addressRecords({ type, name: target.host }, next, records, [...followed, host]);
    return rest.length === 0 ? [] : [alias, ...rest];
  });
  return [...aliases, ...[...addresses].map((address) => addressRecord(name, address))];
}

/** Returns the records SRV of a name, and the addresses of their targets. */
function serviceRecords({ name }: Question, all: readonly NameTarget[]): DnsAnswer {
  const targets = all.filter((target) => !isAlias(target));
  const weight = Math.max(1, Math.floor(100 / Math.max(1, targets.length)));
  const withPorts = targets.filter(({ port }) => port !== undefined);
  const services = unique(withPorts, (target) => `${target.name}:${target.port}`);
  const addresses = unique(withPorts, (target) => `${target.name} ${target.host}`);
  return found(
    clusterZone,
    services.map((target) => ({
      type: 'SRV',
      name,
      ttl: ttlSeconds,
      data: { priority: 0, weight, port: target.port ?? 0, target: target.name },
    })),
    addresses.map((target) => addressRecord(target.name, target.host)),
  );
}

function reverseAnswer(question: Question, name: string, zone: string, records: ClusterRecords): DnsAnswer {
  if (question.type === 'SOA') return found(zone, name === zone ? [soaOf(zone)] : []);
  if (name === zone) return found(zone, []);
  const address = name
    .slice(0, -zone.length - 1)
    .split('.')
    .reverse()
    .join('.');
  const names = zone === 'in-addr.arpa' && isIPv4(address) && question.type === 'PTR' ? records.namesOf(address) : [];
  if (names.length === 0) return unknownName(zone);
  return found(
    zone,
    names.map((data) => ({ type: 'PTR', name: question.name, ttl: ttlSeconds, data })),
  );
}

function externalAnswer(question: Question, name: string, records: ClusterRecords): DnsAnswer {
  const addresses = records.externalAddresses(name);
  if (addresses === undefined) return unknownName('.');
  const family = question.type === 'A' ? 4 : 6;
  const isAddress = question.type === 'A' || question.type === 'AAAA';
  const selected = isAddress ? addresses.filter((address) => isIP(address) === family) : [];
  return found(
    '.',
    selected.map((address) => addressRecord(question.name, address)),
  );
}

function found(zone: string, answers: readonly Answer[], additionals: readonly Answer[] = []): DnsAnswer {
  return { rcode: 'NOERROR', answers, authorities: answers.length === 0 ? [soaOf(zone)] : [], additionals };
}

function unknownName(zone: string): DnsAnswer {
  return { rcode: 'NXDOMAIN', answers: [], authorities: [soaOf(zone)], additionals: [] };
}

function soaOf(zone: string): SoaAnswer {
  const suffix = zone === '.' ? '' : `.${zone}`;
  const timers = { serial: 1, refresh: 7200, retry: 1800, expire: 86_400, minimum: ttlSeconds };
  return {
    type: 'SOA',
    name: zone,
    ttl: ttlSeconds,
    data: { mname: `ns.dns${suffix}`, rname: `hostmaster${suffix}`, ...timers },
  };
}

function addressRecord(name: string, address: string): Answer {
  return { type: isIPv4(address) ? 'A' : 'AAAA', name, ttl: ttlSeconds, data: address };
}

function aliasRecord(name: string, { host }: NameTarget): Answer {
  return { type: 'CNAME', name, ttl: ttlSeconds, data: host };
}

function isAlias({ host }: NameTarget): boolean {
  return isIP(host) === 0;
}

function isIn(name: string, zone: string): boolean {
  return name === zone || name.endsWith(`.${zone}`);
}

function unique<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [keyOf(item), item])).values()];
}
