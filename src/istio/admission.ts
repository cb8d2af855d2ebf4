import { request } from 'node:https';
import { json } from 'node:stream/consumers';
import { MeshmockError } from '../error/meshmock-error.ts';
import { type CheckedObject, isIstioObject } from './check-manifests.ts';
import { istiodAddress } from './network.ts';
import { groupOf, type KubeObject } from './objects.ts';

/**
 * Has istiod's webhook validate all objects of Istio's kinds.
 *
 * @returns the webhook's warnings, each with the name of its object
 * @throws MeshmockError `usage` with a line for each denied object, which begins with file, line and column
 * @throws MeshmockError `unavailable` if the webhook does not answer
 */
export async function admitAll(checked: readonly CheckedObject[], signal: AbortSignal): Promise<string[]> {
  const reviewed = await Promise.all(
    checked
      .filter(({ object }) => isIstioObject(object))
      .map(async (one) => ({ ...one, review: await review(one.object, signal) })),
  );
  const denied = reviewed.flatMap(({ review: { allowed, status }, title, whereIs }) =>
    allowed ? [] : [`${whereIs([])}: ${title}: istiod denies it: ${status?.message ?? 'it gives no reason'}`],
  );
  if (denied.length > 0) throw new MeshmockError('usage', denied.join('\n'));
  return reviewed.flatMap(({ review: { warnings = [] }, title }) => warnings.map((warning) => `${title}: ${warning}`));
}

/** Answer of an admission webhook (`AdmissionResponse`). */
interface AdmissionResponse {
  readonly allowed: boolean;
  readonly status?: { readonly message?: string };
  readonly warnings?: readonly string[];
}

async function review(object: KubeObject, signal: AbortSignal): Promise<AdmissionResponse> {
  const [version = ''] = object.apiVersion.split('/').slice(-1);
  const kind = { group: groupOf(object), version, kind: object.kind };
  const { name, namespace } = object.metadata;
  const admissionReview = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: '1', kind, operation: 'CREATE', namespace, name, object },
  };
  try {
    const answer = (await post('/validate', admissionReview, signal)) as { readonly response: AdmissionResponse };
    return answer.response;
  } catch (error) {
    if (signal.aborted) throw error;
    throw new MeshmockError('unavailable', `istiod's webhook does not answer: ${(error as Error).message}`);
  }
}

async function post(target: string, body: unknown, signal: AbortSignal): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const headers = { 'content-type': 'application/json' };
  const options = { host: istiodAddress, port: 15017, path: target, method: 'POST', headers, signal };
  // The certificate is of the mesh's own authority, and the address leads only to this istiod.
  const clientRequest = request({ ...options, rejectUnauthorized: false }, (response) => {
    json(response).then(resolve, reject);
  });
  clientRequest.once('error', reject);
  clientRequest.end(JSON.stringify(body));
  return promise;
}
