/** Range of addresses that a service never dials, unless an address rule allows it. */
export interface BuiltInRange {
  readonly range: string;
  readonly reason: string;
}

/**
 * Addresses of metadata services, which give credentials to everyone who asks from the right machine, and link-local
 * addresses, which most of them have. The page docs/limits.md has the same table.
 *
 * Not in the list: multicast and broadcast, to which a kernel makes no TCP connections; 240.0.0.0/4, from which Istio
 * takes addresses for ServiceEntries; 0.0.0.0 and ::, which count as the loopback addresses that they reach.
 */
export const builtInRanges: readonly BuiltInRange[] = [
  /** RFC 3927. Metadata of AWS, Azure, Google Cloud, Oracle, OpenStack and others; credentials of ECS and EKS. */
  { range: '169.254.0.0/16', reason: 'link-local' },
  /** RFC 4291 section 2.5.6. */
  { range: 'fe80::/10', reason: 'link-local' },
  /** AWS, "Access instance metadata" (::254) and "EKS Pod Identity Agent" (::23); also VPC Lattice (fd00:ec2:80::/64). */
  { range: 'fd00:ec2::/32', reason: 'metadata of AWS' },
  /** Google Cloud, "Query VM metadata". */
  { range: 'fd20:ce::254', reason: 'metadata of Google Cloud' },
  /** Microsoft, "What is IP address 168.63.129.16?". */
  { range: '168.63.129.16', reason: 'wire server of Azure' },
  /** Alibaba Cloud, "Instance metadata". */
  { range: '100.100.100.200', reason: 'metadata of Alibaba Cloud' },
  { range: 'fd00:100::100:200', reason: 'metadata of Alibaba Cloud' },
  /** Oracle, Compute Classic. */
  { range: '192.0.0.192', reason: 'metadata of Oracle Cloud Classic' },
  /** Oracle's SDK for Python, instance_principals_security_token_signer.py. */
  { range: 'fd00:c1::a9fe:a9fe', reason: 'metadata of Oracle Cloud' },
  /** cloud-init, data source Scaleway. */
  { range: 'fd00:42::42', reason: 'metadata of Scaleway' },
  /** cloud-init, data source Akamai. */
  { range: 'fd00:a9fe:a9fe::1', reason: 'metadata of Akamai' },
];
