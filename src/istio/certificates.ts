import { copyFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { runProgram } from './program.ts';

/** Names of the mesh in identities, certificates and spans, as in Istio's own installation. */
export const trustDomain = 'cluster.local';
export const meshId = 'cluster.local';
export const clusterId = 'Kubernetes';

const validDays = '2';

/**
 * Creates a certificate authority for istiod, in the files that istiod reads (Istio, "Plug in CA Certificates").
 *
 * @returns the path of the root certificate
 */
export async function createAuthority(folder: string, signal: AbortSignal): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const root = path.join(folder, 'root-cert.pem');
  const key = path.join(folder, 'ca-key.pem');
  await runProgram(
    'openssl',
    [
      'req',
      '-x509',
      '-new',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-keyout',
      `${key}.pkcs8`,
      '-out',
      root,
      '-days',
      validDays,
      '-subj',
      '/O=meshmock/CN=root',
      '-addext',
      'basicConstraints=critical,CA:TRUE',
      '-addext',
      'keyUsage=critical,keyCertSign,cRLSign',
    ],
    { signal },
  );
  // istiod reads keys of elliptic curves only in the format of `openssl ec`.
  await runProgram('openssl', ['ec', '-in', `${key}.pkcs8`, '-out', key], { signal });
  for (const name of ['ca-cert.pem', 'cert-chain.pem']) copyFileSync(root, path.join(folder, name));
  return root;
}

/**
 * Returns the token of a service account, with which a pod authenticates to istiod. It is not signed, because the API
 * of a local mesh does not verify tokens.
 */
export function tokenFor(namespace: string, serviceAccount: string): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: 'meshmock',
    aud: ['istio-ca'],
    sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
    iat: now,
    exp: now + 24 * 60 * 60,
  };
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return [part({ alg: 'none' }), part(claims), 'unsigned'].join('.');
}
