import type { Pod } from '../resources/objects.ts';
import type { KubeClient } from './kube-client.ts';

/** Writer of subresources, such as a `KubeClient`. */
type Poster = Pick<KubeClient, 'post'>;

/** Binds a pod to a node, as a scheduler does. */
export async function bindPod(
  client: Poster,
  { metadata }: Pick<Pod, 'metadata'>,
  nodeName: string,
  signal: AbortSignal,
): Promise<void> {
  const { name, namespace, uid } = metadata;
  const target = { apiVersion: 'v1', kind: 'Node', name: nodeName };
  const body = { apiVersion: 'v1', kind: 'Binding', metadata: { name, namespace, uid }, target };
  await client.post({ apiVersion: 'v1', kind: 'Pod', metadata }, 'binding', body, signal);
}

/** Request for a token of a service account. */
export interface TokenRequest {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly audiences: readonly string[];
  /** Time for which the token is valid, in seconds. The API server allows no less than 600. */
  readonly seconds: number;
  /** Pod with whose deletion the token ends. */
  readonly boundPod?: Pick<Pod, 'metadata'>;
}

/** Token of a service account, and the time until which it is valid, in RFC 3339. */
export interface Token {
  readonly token: string;
  readonly expirationTimestamp: string;
}

/** Creates a token of a service account (`TokenRequest`). */
export async function createToken(
  client: Poster,
  { namespace, serviceAccount, audiences, seconds, boundPod }: TokenRequest,
  signal: AbortSignal,
): Promise<Token> {
  const { name, uid } = boundPod?.metadata ?? {};
  const boundObjectRef = boundPod === undefined ? undefined : { apiVersion: 'v1', kind: 'Pod', name, uid };
  const spec = { audiences, expirationSeconds: seconds, boundObjectRef };
  const ref = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: serviceAccount, namespace } };
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
  const { status } = await client.post<{ readonly status: Token }>(ref, 'token', body, signal);
  return status;
}
