import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type KeyPair, makeCertificate } from '../../src/tls/certificate.ts';

/** Files of a certificate and its key. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** Folder with certificates that one authority signs. */
export class Certificates implements Disposable {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'meshmock-certificates-'));
  /** File of the authority. */
  readonly ca: string;
  private readonly issuer: KeyPair & { readonly subject: string };

  constructor() {
    const subject = `authority of ${path.basename(this.folder)}`;
    this.issuer = { ...makeCertificate({ subject, names: [] }), subject };
    this.ca = this.write('ca.crt', this.issuer.cert);
  }

  /** Makes a certificate for names of hosts and URIs. */
  make(name: string, names: readonly string[], days?: number): CertificateFiles {
    const made = makeCertificate({ subject: name, names, issuer: this.issuer, ...(days !== undefined && { days }) });
    return { cert: this.write(`${name}.crt`, made.cert), key: this.write(`${name}.key`, made.key) };
  }

  write(file: string, content: string): string {
    const written = path.join(this.folder, file);
    writeFileSync(written, content);
    return written;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}
