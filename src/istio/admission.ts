import { request } from 'node:https';
import { json } from 'node:stream/consumers';
import { MeshmockError } from '../error/meshmock-error.ts';
import { type Checked, isIstios } from './check-manifests.ts';
import { istiodAddress } from './network.ts';
import { groupOf, type KubeObject } from './objects.ts';

/**
 * Asks istiod's webhook about all objects that are its own.
 *
 * @returns its warnings, each with the object's title
 * @throws MeshmockError `usage` with everything that it denies, and where that stands
 */
export async function admitAll(checked: readonly Checked[], signal: AbortSignal): Promise<string[]> {
  const own = checked.filter(({ object }) => isIstios(object));
  const answers = await Promise.allSettled(own.map(({ object }) => admit(object, signal)));
  const denied = answers.flatMap((answer, index) => {
    if (answer.status === 'fulfilled') return [];
    const one = own[index];
    return [`${one?.whereIs([])}: ${one?.title}: istiod denies it: ${(answer.reason as Error).message}`];
  });
  if (denied.length > 0) throw new MeshmockError('usage', denied.join('\n'));
  return answers.flatMap((answer, index) =>
    answer.status === 'fulfilled' ? answer.value.map((warning) => `${own[index]?.title}: ${warning}`) : [],
  );
}

/**
 * Asks istiod's own admission webhook about an object.
 *
 * @returns its warnings
 * @throws MeshmockError `usage` with what it said, when it denies the object
 */
async function admit(object: KubeObject, signal: AbortSignal): Promise<readonly string[]> {
  const [version = ''] = object.apiVersion.split('/').slice(-1);
  const kind = { group: groupOf(object), version, kind: object.kind };
  const { name, namespace } = object.metadata;
  const review = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: '1', kind, operation: 'CREATE', namespace, name, object },
  };
  const { response } = (await post('/validate', review, signal)) as {
    response: { allowed: boolean; status?: { message?: string }; warnings?: string[] };
  };
  if (response.allowed) return response.warnings ?? [];
  throw new MeshmockError('usage', response.status?.message ?? 'denied without a word');
}

async function post(target: string, body: unknown, signal: AbortSignal): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const headers = { 'content-type': 'application/json' };
  const options = { host: istiodAddress, port: 15017, path: target, method: 'POST', headers, signal };
  // Its certificate is of the authority that we made, and the bridge leads nowhere else.
  const asked = request({ ...options, rejectUnauthorized: false }, (response) => {
    json(response).then(resolve, reject);
  });
  asked.once('error', reject);
  asked.end(JSON.stringify(body));
  return promise;
}
