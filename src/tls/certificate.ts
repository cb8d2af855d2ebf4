import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { isIP } from 'node:net';
import { bits, boolean, context, integer, octets, oid, sequence, set, time, utf8 } from './der.ts';

/** Certificate with its private key, as PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** Names and issuer of a certificate. */
export interface CertificateRequest {
  /** Common name of the subject. */
  readonly subject: string;
  /** DNS names, IP addresses, and URIs such as SPIFFE ids. */
  readonly names: readonly string[];
  /** Issuer; without it, the certificate signs itself. */
  readonly issuer?: KeyPair & { readonly subject: string };
  /** Time of validity from now, in days. */
  readonly days?: number;
}

const dayMs = 24 * 3600 * 1000;

/** Object identifiers (RFC 5280, RFC 5480, RFC 5758). */
const ids = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  subjectKey: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKey: '2.5.29.35',
} as const;

/**
 * Makes a certificate of X.509 v3 with a key of the curve P-256 (RFC 5280). Node has no function for this, and libraries
 * that have one bring a dozen packages for the other parts of the standard.
 *
 * @example
 * makeCertificate({ subject: 'reviews', names: ['reviews', 'localhost', '127.0.0.1'] }).cert; // '-----BEGIN CERTIFICATE…'
 */
export function makeCertificate({ subject, names, issuer, days = 365 }: CertificateRequest): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const now = Date.now();
  const algorithm = sequence(oid(ids.ecdsaWithSha256));
  const body = sequence(
    context(0, integer(Buffer.from([2]))),
    integer(positive(randomBytes(16))),
    algorithm,
    nameOf(issuer?.subject ?? subject),
    // A day back, since clocks differ.
    sequence(time(new Date(now - dayMs)), time(new Date(now + days * dayMs))),
    nameOf(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    context(3, extensionsOf(names, publicKey, issuer)),
  );
  const signature = sign('sha256', body, issuer === undefined ? privateKey : keyOf(issuer));
  const certificate = sequence(body, algorithm, bits(signature));
  return { cert: pem(certificate), key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/** Returns the extensions that strict verifiers ask for (RFC 5280 section 4.2.1). */
function extensionsOf(names: readonly string[], publicKey: KeyObject, issuer: KeyPair | undefined): Buffer {
  const issuerKey = issuer === undefined ? publicKey : createPublicKey(issuer.key);
  return sequence(
    ...(names.length === 0 ? [] : [altNames(names)]),
    sequence(oid(ids.subjectKey), octets(octets(keyIdOf(publicKey)))),
    sequence(oid(ids.authorityKey), octets(sequence(context(0, keyIdOf(issuerKey), true)))),
    ...(issuer === undefined ? authority : []),
  );
}

/** Size of a public key of P-256 at the end of its encoding, in bytes. */
const pointBytes = 65;

function keyIdOf(key: KeyObject): Buffer {
  const point = key.export({ type: 'spki', format: 'der' }).subarray(-pointBytes);
  return createHash('sha1').update(point).digest();
}

/** Extensions that let a certificate that signs itself sign others, and connections. */
const authority = [
  sequence(oid(ids.basicConstraints), boolean(true), octets(sequence(boolean(true)))),
  // The first bit is that of signatures, the sixth that of certificates.
  sequence(oid(ids.keyUsage), boolean(true), octets(Buffer.from([0x03, 0x02, 0x02, 0x84]))),
];

function keyOf({ key }: KeyPair): KeyObject {
  return createPrivateKey(key);
}

function nameOf(commonName: string): Buffer {
  return sequence(set(sequence(oid(ids.commonName), utf8(commonName))));
}

/** Kinds of names in the extension (RFC 5280 section 4.2.1.6). */
const kinds = { dns: 2, uri: 6, address: 7 } as const;

function altNames(names: readonly string[]): Buffer {
  const encoded = names.map((name) => {
    if (isIP(name) !== 0) return context(kinds.address, addressBytes(name), true);
    return context(name.includes(':') ? kinds.uri : kinds.dns, Buffer.from(name), true);
  });
  return sequence(oid(ids.subjectAltName), octets(sequence(...encoded)));
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const { hostname } = new URL(`http://[${address}]/`);
  const [head = '', tail = ''] = hostname.slice(1, -1).split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [first, last] = [groups(head), groups(tail)];
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0');
  return Buffer.from([...first, ...zeros, ...last].map((group) => group.padStart(4, '0')).join(''), 'hex');
}

/** Returns the bytes of a positive integer without leading zeros. */
function positive(bytes: Buffer): Buffer {
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

function pem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
