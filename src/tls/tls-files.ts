import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { MeshmockError } from '../error/meshmock-error.ts';

/** Files of TLS, in PEM. */
export interface TlsFiles {
  /** Certificate, with those of its issuers. */
  readonly cert?: string;
  /** Private key of the certificate. */
  readonly key?: string;
  /** Certificates of authorities that are trusted, in place of those of the system. */
  readonly ca?: string;
}

/** Contents of the files. */
export interface TlsMaterial {
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
}

/** Flags of the files, for errors. */
export interface TlsFlags {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/**
 * Reads the files of TLS, and checks that OpenSSL accepts them.
 *
 * @throws MeshmockError `usage` with the flag of the file that cannot be used
 */
export function readTlsFiles(files: TlsFiles, flags: TlsFlags): TlsMaterial {
  if ((files.cert === undefined) !== (files.key === undefined))
    throw new MeshmockError('usage', `${flags.cert} and ${flags.key} belong together: set both`);
  const material: TlsMaterial = {
    ...(files.cert !== undefined && { cert: read(files.cert, flags.cert) }),
    ...(files.key !== undefined && { key: read(files.key, flags.key) }),
    ...(files.ca !== undefined && { ca: read(files.ca, flags.ca) }),
  };
  check({ cert: material.cert, key: material.key }, `${flags.cert} ${files.cert}, ${flags.key} ${files.key}`);
  check({ ca: material.ca }, `${flags.ca} ${files.ca}`);
  if (material.ca !== undefined && !material.ca.includes('-----BEGIN '))
    throw new MeshmockError('usage', `${flags.ca} ${files.ca}: this is not a certificate in PEM`);
  return material;
}

function read(file: string, flag: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new MeshmockError('usage', `${flag} ${file}: ${(error as Error).message}`);
  }
}

function check(
  parts: { cert?: string | undefined; key?: string | undefined; ca?: string | undefined },
  place: string,
): void {
  try {
    createSecureContext(parts);
  } catch (error) {
    throw new MeshmockError('usage', `${place}: ${(error as Error).message}`);
  }
}
