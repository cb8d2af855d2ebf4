import { isIP } from 'node:net';
import type { ClientTls } from '../execute/client.ts';
import type { ListenAddress } from '../plan/address.ts';
import type { Identity } from '../reply/reply.ts';
import { makeCertificate } from '../tls/certificate.ts';
import { ChangedFiles, stateOfFiles } from '../tls/changed-files.ts';
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

const flags = { cert: '--tls-cert', key: '--tls-key' } as const;

/** Certificates of a service. Those of files change with their files. */
export class ServiceCertificates {
  /** Certificates of listeners; undefined if there are none. */
  readonly served: TlsMaterial | undefined;
  /** Certificates of calls. Clients read them for each connection. */
  readonly calls: ClientTls;
  private readonly tls: ServiceTls;
  private readonly paths: readonly string[];
  /** State of the files before they were read. */
  private readonly state: string;
  private files: ChangedFiles | undefined;

  /**
   * Reads the certificates. Listeners without one get a certificate of their own, for the names of the service.
   *
   * @throws MeshmockError `usage` with the flag of a file that cannot be used
   */
  constructor(tls: ServiceTls, identity: Identity) {
    this.tls = tls;
    this.paths = [tls.cert, tls.key, tls.clientCa, tls.ca].filter((file) => file !== undefined);
    this.state = stateOfFiles(this.paths);
    const { served, calls } = readFiles(tls);
    this.calls = { ...calls, isInsecure: tls.isInsecure };
    if (tls.addresses.length === 0) this.served = undefined;
    else if (served.cert !== undefined) this.served = served;
    else {
      const names = namesOf(identity, tls.addresses);
      this.served = { ...served, ...makeCertificate({ subject: identity.service, names }) };
    }
  }

  /**
   * Reads the files again whenever they change. Files that cannot be used are reported, and the old certificates stay.
   *
   * @param replaceServed gives listeners other certificates; connections that are open keep theirs
   * @param onRead called after each change with the problem of the files, or with undefined if they are in effect
   */
  follow(replaceServed: (material: TlsMaterial) => void, onRead: (problem: string | undefined) => void): void {
    if (this.paths.length === 0) return;
    this.files = new ChangedFiles(this.paths, this.state, {
      apply: () => {
        const { served, calls } = readFiles(this.tls);
        if (this.served !== undefined) replaceServed({ ...this.served, ...served });
        Object.assign(this.calls, calls);
        onRead(undefined);
      },
      onProblem: (error) => onRead(error.message),
    });
  }

  /** Follows the files no more. */
  stop(): void {
    this.files?.stop();
  }
}

/** @throws MeshmockError `usage` with the flag of a file that cannot be used */
function readFiles({ cert, key, clientCa, ca }: ServiceTls): {
  readonly served: TlsMaterial;
  readonly calls: TlsMaterial;
} {
  const own = { ...(cert !== undefined && { cert }), ...(key !== undefined && { key }) };
  return {
    served: readTlsFiles(
      { ...own, ...(clientCa !== undefined && { ca: clientCa }) },
      { ...flags, ca: '--tls-client-ca' },
    ),
    calls: readTlsFiles({ ...own, ...(ca !== undefined && { ca }) }, { ...flags, ca: '--tls-ca' }),
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
