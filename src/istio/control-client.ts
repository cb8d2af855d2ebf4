import { readdirSync } from 'node:fs';
import { request } from 'node:http';
import path from 'node:path';
import { json } from 'node:stream/consumers';
import { MeshmockError } from '../error/meshmock-error.ts';
import type { ControlAnswer, ControlRequest } from './messages.ts';

/** The control socket in a bed's folder. */
export const controlSocket = 'control.sock';

/** The name of a mesh that is given none. */
export const defaultMesh = 'mesh';

/** What a command needs to be about it. */
export function meshOption(mesh: string): string {
  return mesh === defaultMesh ? '' : ` --mesh ${mesh}`;
}

/** Where the folders of all meshes are. */
export const meshesFolder = '/run/meshmock';

/** The folder of a mesh of that name on this machine. */
export function folderOf(mesh: string): string {
  return path.join(meshesFolder, mesh);
}

/**
 * Asks the running mesh of that name for something.
 *
 * @throws MeshmockError `usage` with what it refused, or that no such mesh is up
 */
export async function askMesh(
  mesh: string,
  message: ControlRequest,
  signal: AbortSignal,
): Promise<Extract<ControlAnswer, { ok: true }>> {
  const answer = (await post(path.join(folderOf(mesh), controlSocket), message, signal)) as ControlAnswer | undefined;
  if (answer === undefined) {
    const others = readdirOrNone(meshesFolder).map((name) => `--mesh ${name}`);
    const hint = others.length === 0 ? '' : `; there is ${others.join(', ')}`;
    throw new MeshmockError('usage', `no mesh is up: start it with \`meshmock istio up${meshOption(mesh)}\`${hint}`);
  }
  if (answer.ok) return answer;
  throw new MeshmockError('usage', answer.message);
}

function readdirOrNone(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** What the socket answers; nothing when nobody listens. */
async function post(socketPath: string, message: ControlRequest, signal: AbortSignal): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const asked = request({ socketPath, method: 'POST', path: '/', signal }, (response) => {
    json(response).then(resolve, reject);
  });
  asked.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined);
    else if (error.code === 'EACCES') reject(new MeshmockError('usage', 'the mesh belongs to root: use sudo'));
    else if (error.code === 'ECONNRESET') reject(new MeshmockError('usage', 'the mesh ended before it answered'));
    else reject(error);
  });
  asked.end(JSON.stringify(message));
  return promise;
}
