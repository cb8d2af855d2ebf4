import { isIP } from 'node:net';
import type { ClientTls } from '../execute/client.ts';
import type { ListenAddress } from '../plan/address.ts';
import type { Identity } from '../reply/reply.ts';
import { makeCertificate } from '../tls/certificate.ts';
import { readTlsFiles, type TlsMaterial } from '../tls/tls-files.ts';

export { createTlsAcceptor } from './tls-acceptor.ts';

/** Settings of TLS. */
export interface ServiceTls {
  /** Addresses of TLS, maybe none. */
  readonly addresses: readonly ListenAddress[];
  /** File of the certificate, which clients see, and servers that ask for one. */
  readonly cert?: string;
  /** File of the certificate's private key. */
  readonly key?: string;
  /** File of the authorities that sign the certificates of clients. With it, each client must show one. */
  readonly clientCa?: string;
  /** File of the authorities that calls trust, in place of those of the system. */
  readonly ca?: string;
  /** True if calls do not verify certificates. */
  readonly isInsecure: boolean;
}

/** Certificates of a service. */
export interface ServiceCertificates {
  /** Certificates of listeners; undefined if there are none. */
  readonly served: TlsMaterial | undefined;
  readonly calls: ClientTls;
}

const flags = { cert: '--tls-cert', key: '--tls-key' } as const;

/**
 * Reads the certificates of a service. Listeners without one get a certificate of their own, for the names of the service.
 *
 * @throws MeshmockError `usage` with the flag of a file that cannot be used
 */
export function readServiceTls(tls: ServiceTls, identity: Identity): ServiceCertificates {
  const { addresses, cert, key, clientCa, ca, isInsecure } = tls;
  const own = { ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) };
  const served = readTlsFiles(
    { ...own, ...(clientCa !== undefined && { ca: clientCa }) },
    { ...flags, ca: '--tls-client-ca' },
  );
  const calls = readTlsFiles({ ...own, ...(ca !== undefined && { ca }) }, { ...flags, ca: '--tls-ca' });
  if (addresses.length === 0) return { served: undefined, calls: { ...calls, isInsecure } };
  if (served.cert !== undefined) return { served, calls: { ...calls, isInsecure } };
  const names = namesOf(identity, addresses);
  return {
    served: { ...served, ...makeCertificate({ subject: identity.service, names }) },
    calls: { ...calls, isInsecure },
  };
}

/** Returns the names by which clients call a service. */
function namesOf({ service, namespace, pod }: Identity, addresses: readonly ListenAddress[]): string[] {
  const inCluster =
    namespace === undefined ? [] : ['', '.svc', '.svc.cluster.local'].map((end) => `${service}.${namespace}${end}`);
  const bound = addresses.map(({ host }) => host).filter((host) => host !== '');
  const names = [service, ...inCluster, ...(pod === undefined ? [] : [pod]), 'localhost', '127.0.0.1', '::1', ...bound];
  // Names that are not those of hosts cannot be asked for.
  return [...new Set(names)].filter((name) => isIP(name) !== 0 || /^[A-Za-z0-9._-]+$/.test(name));
}
