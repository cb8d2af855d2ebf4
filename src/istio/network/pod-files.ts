import { nodeAddress, nodeResolverAddress } from './addresses.ts';

/** Fields of a pod's `spec` that decide its /etc/resolv.conf. */
export interface PodDns {
  readonly hostNetwork?: boolean;
  readonly dnsPolicy?: string;
  readonly dnsConfig?: {
    readonly nameservers?: readonly string[];
    readonly searches?: readonly string[];
    readonly options?: readonly { readonly name?: string; readonly value?: string }[];
  };
}

/** Fields of a pod that decide its /etc/hosts. */
export interface PodHosts {
  readonly address: string;
  /** Host name: `spec.hostname`, otherwise the pod's name. */
  readonly hostname: string;
  readonly namespace: string;
  readonly subdomain?: string;
  readonly hostNetwork?: boolean;
  readonly hostAliases?: readonly { readonly ip: string; readonly hostnames?: readonly string[] }[];
}

const zone = 'cluster.local';
/** Limit of kubelet (`MaxDNSNameservers`). */
const maxNameservers = 3;

interface ResolverSettings {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** Returns the text of a pod's /etc/resolv.conf, as kubelet writes it. */
export function resolvConf(namespace: string, pod: PodDns): string {
  const { nameservers, searches, options } = baseSettings(namespace, pod);
  const { dnsConfig = {} } = pod;
  const allServers = [...new Set([...nameservers, ...(dnsConfig.nameservers ?? [])])].slice(0, maxNameservers);
  const allSearches = [...new Set([...searches, ...(dnsConfig.searches ?? [])])];
  const added = (dnsConfig.options ?? []).map(({ name = '', value = '' }) =>
    value === '' ? name : `${name}:${value}`,
  );
  const byName = new Map([...options, ...added].map((option) => [option.split(':')[0], option]));
  const lines = [
    ...(allSearches.length === 0 ? [] : [`search ${allSearches.join(' ')}`]),
    ...allServers.map((server) => `nameserver ${server}`),
    ...(byName.size === 0 ? [] : [`options ${[...byName.values()].join(' ')}`]),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** Returns the settings of a DNS policy, without the pod's `dnsConfig`. */
function baseSettings(
  namespace: string,
  { dnsPolicy = 'ClusterFirst', hostNetwork = false }: PodDns,
): ResolverSettings {
  if (dnsPolicy === 'None') return { nameservers: [], searches: [], options: [] };
  const isNodes = dnsPolicy === 'Default' || (dnsPolicy === 'ClusterFirst' && hostNetwork);
  if (isNodes) return { nameservers: [nodeResolverAddress], searches: [], options: [] };
  const searches = [`${namespace}.svc.${zone}`, `svc.${zone}`, zone];
  return { nameservers: [nodeAddress], searches, options: ['ndots:5'] };
}

/** Returns the text of a pod's /etc/hosts, as kubelet writes it. */
export function hostsFile(pod: PodHosts): string {
  const { address, hostname, namespace, subdomain = '', hostNetwork = false, hostAliases = [] } = pod;
  const fullName = subdomain === '' ? [] : [`${hostname}.${subdomain}.${namespace}.svc.${zone}`];
  const lines = [
    `# Kubernetes-managed hosts file${hostNetwork ? ' (host network)' : ''}.`,
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    [address, ...fullName, hostname].join('\t'),
    ...(hostAliases.length === 0 ? [] : ['', '# Entries added by HostAliases.']),
    ...hostAliases.map(({ ip, hostnames = [] }) => [ip, hostnames.join('\t')].join('\t')),
  ];
  return lines.map((line) => `${line}\n`).join('');
}
