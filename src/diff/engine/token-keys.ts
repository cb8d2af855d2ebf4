import { createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { manifestText } from '../../cases/meshes/file-objects.ts';
import { type ManifestSource, parseManifests } from '../../istio/resources/manifest.ts';
import { groupOf, type KubeObject } from '../../istio/resources/objects.ts';
import type { NotCompared } from '../comparison.ts';
import type { Probe, TokenClaims } from '../probe.ts';
import type { TokenParts } from './probe-routes.ts';

interface JwtRule {
  issuer?: string;
  jwks?: string;
  jwksUri?: string;
  [field: string]: unknown;
}

/** Key with which probes sign their tokens, in the place of the keys of all issuers. */
export class TokenKeys {
  private readonly right = generateKeyPairSync('rsa', { modulusLength: 2048 });
  private readonly wrong = generateKeyPairSync('rsa', { modulusLength: 2048 });

  /** Replaces the keys of all issuers in manifests. Sources without tokens stay as they are. */
  replaceIn(sources: readonly ManifestSource[]): ManifestSource[] {
    const jwks = JSON.stringify({
      keys: [{ ...this.right.publicKey.export({ format: 'jwk' }), kid: keyId, alg: 'RS256', use: 'sig' }],
    });
    return sources.map((source) => {
      if (!source.text.includes('RequestAuthentication')) return source;
      const objects = parseManifests([source]).map(({ object }) => object);
      return { name: source.name, text: manifestText(objects.map((object) => withKeys(object, jwks))) };
    });
  }

  /** Returns the headers and the path of a probe's request, with its token. */
  partsOf({ request: { headers, path, token } }: Probe): TokenParts {
    if (token === undefined) return { headers, path };
    const text = this.tokenFor(token);
    const { place } = token;
    switch (place.kind) {
      case 'header':
        return { headers: [...headers, { name: place.name.toLowerCase(), value: `${place.prefix}${text}` }], path };
      case 'cookie':
        return { headers: [...headers, { name: 'cookie', value: `${place.name}=${text}` }], path };
      case 'parameter':
        return { headers, path: `${path}${path.includes('?') ? '&' : '?'}${place.name}=${text}` };
    }
  }

  private tokenFor({ state, issuer, subject, audiences, claims }: TokenClaims): string {
    const nowSeconds = Math.floor(Date.now() / 1000);
    const expiry = state === 'expired' ? nowSeconds - hourSeconds : nowSeconds + hourSeconds;
    const payload = {
      ...claims,
      iss: issuer,
      sub: subject,
      iat: nowSeconds - 2 * hourSeconds,
      exp: expiry,
      ...(audiences.length === 0 ? {} : { aud: audiences }),
    };
    const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${encode({ alg: 'RS256', typ: 'JWT', kid: keyId })}.${encode(payload)}`;
    const { privateKey }: { privateKey: KeyObject } = state === 'wrong_signature' ? this.wrong : this.right;
    return `${signed}.${createSign('RSA-SHA256').update(signed).sign(privateKey, 'base64url')}`;
  }
}

const keyId = 'meshmock-diff';
const hourSeconds = 3600;

function withKeys(object: KubeObject, jwks: string): KubeObject {
  if (!isRequestAuthentication(object)) return object;
  const rules = rulesOf(object).map(({ jwksUri: _, ...rule }) => ({ ...rule, jwks }));
  return { ...object, spec: { ...(object.spec as object), jwtRules: rules } };
}

function isRequestAuthentication(object: KubeObject): boolean {
  return object.kind === 'RequestAuthentication' && groupOf(object) === 'security.istio.io';
}

function rulesOf({ spec }: KubeObject): JwtRule[] {
  return (spec as { jwtRules?: JwtRule[] } | undefined)?.jwtRules ?? [];
}

/** Returns the issuers whose keys differ between two snapshots: probes have a key of their own for them. */
export function changedKeys(before: readonly KubeObject[], after: readonly KubeObject[]): NotCompared[] {
  const keysOf = (objects: readonly KubeObject[]): Map<string, unknown> =>
    new Map(
      objects
        .filter(isRequestAuthentication)
        .flatMap(rulesOf)
        .map(({ issuer = '', jwks, jwksUri }) => [issuer, [jwks, jwksUri]]),
    );
  const [earlier, later] = [keysOf(before), keysOf(after)];
  return [...later]
    .filter(([issuer, keys]) => earlier.has(issuer) && !isDeepStrictEqual(earlier.get(issuer), keys))
    .map(([issuer]) => ({ subject: `keys of ${issuer}`, reason: 'probes sign their tokens with another key' }));
}
