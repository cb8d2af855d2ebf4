import type { KubeObject, Labels } from '../resources/objects.ts';

/**
 * Finds features that act in a cluster but not in the local mesh, so that its verdicts may differ.
 *
 * @returns messages without the name of the object
 */
export function unsupportedFeatures(object: KubeObject): string[] {
  switch (object.kind) {
    case 'RequestAuthentication':
      return remoteKeys(object);
    case 'AuthorizationPolicy':
      return externalAuthorizer(object);
    case 'WasmPlugin':
      return remoteModule(object);
    default:
      return ambientLabels(object);
  }
}

function remoteKeys({ spec }: KubeObject): string[] {
  const { jwtRules = [] } = (spec ?? {}) as { jwtRules?: { jwks?: string; jwksUri?: string }[] };
  return jwtRules.flatMap(({ jwks, jwksUri }) =>
    jwks === undefined && jwksUri !== undefined && !isInMesh(jwksUri)
      ? [`the local mesh cannot fetch keys from ${jwksUri}, so every token is refused: put the keys into jwks`]
      : [],
  );
}

function externalAuthorizer({ spec }: KubeObject): string[] {
  const { action, provider } = (spec ?? {}) as { action?: string; provider?: { name?: string } };
  if (action !== 'CUSTOM') return [];
  return [`the local mesh has no provider ${provider?.name ?? ''}, and Istio refuses requests without it`];
}

function remoteModule({ spec }: KubeObject): string[] {
  const { url = '' } = (spec ?? {}) as { url?: string };
  return url.startsWith('file:') || isInMesh(url) ? [] : [`the local mesh cannot fetch the module ${url}`];
}

/** Reports whether a URL names a Service of the mesh. Nothing outside the mesh can be reached. */
function isInMesh(url: string): boolean {
  const host = URL.canParse(url) ? new URL(url).hostname : '';
  return host.includes('.svc') || (host !== '' && !host.includes('.'));
}

function ambientLabels({ metadata, spec }: KubeObject): string[] {
  const { template } = (spec ?? {}) as { template?: { metadata?: { labels?: Labels } } };
  const all = [metadata.labels, template?.metadata?.labels];
  return all.some((labels) => labels?.['istio.io/dataplane-mode'] === 'ambient')
    ? ['the local mesh has no ambient mode: the pods have sidecars']
    : [];
}
