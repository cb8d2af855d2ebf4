import type { KubeObject } from '../../istio/resources/objects.ts';

/** Reports whether Istio reads a Secret as the certificate of a gateway or of a sidecar. */
export function isCertificate({ type, data = {}, stringData = {} }: KubeObject & SecretData): boolean {
  const keys = new Set([...Object.keys(data), ...Object.keys(stringData)]);
  return type === 'kubernetes.io/tls' || ['tls.crt', 'cert', 'ca.crt', 'cacert'].some((key) => keys.has(key));
}

interface SecretData {
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}
