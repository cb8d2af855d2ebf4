import { readdirSync } from 'node:fs';
import { request } from 'node:http';
import path from 'node:path';
import { json } from 'node:stream/consumers';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { meshesFolder, runningFolderOf } from './mesh-places.ts';
import { type AnswerTo, answerKinds, type ControlAnswer, type ControlRequest } from './messages.ts';

/** Name of the control socket in a mesh's folder. */
export const controlSocket = 'control.sock';

/** Name of a mesh if the option `--mesh` is not given. */
export const defaultMesh = 'mesh';

/** Returns the option that makes a command use the mesh, with a space before it; empty for the default mesh. */
export function meshOption(mesh: string): string {
  return mesh === defaultMesh ? '' : ` --mesh ${mesh}`;
}

/**
 * Sends a request to a running mesh on this machine, and waits for the answer.
 *
 * @throws MeshmockError `unavailable` if no such mesh is up, or if it ends before it answers
 * @throws MeshmockError `machine` if the mesh belongs to another user
 * @throws MeshmockError with the code and the message with which the mesh refuses the request
 * @example const { pods } = await askMesh('mesh', { kind: 'status' }, signal);
 */
export async function askMesh<Request extends ControlRequest>(
  mesh: string,
  controlRequest: Request,
  signal: AbortSignal,
): Promise<AnswerTo<Request>> {
  const answer = await post(mesh, controlRequest, signal);
  if (answer.kind === 'failed') throw new MeshmockError(answer.code, answer.message);
  if (isAnswerTo(controlRequest, answer)) return answer;
  throw new MeshmockError('internal', `the mesh answers the request "${controlRequest.kind}" with "${answer.kind}"`);
}

function isAnswerTo<Request extends ControlRequest>(
  { kind }: Request,
  answer: ControlAnswer,
): answer is AnswerTo<Request> {
  return answer.kind === answerKinds[kind];
}

async function post(mesh: string, controlRequest: ControlRequest, signal: AbortSignal): Promise<ControlAnswer> {
  const socketPath = path.join(runningFolderOf(mesh), controlSocket);
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  // A kept connection may close at the moment of a request, which cannot be repeated: it may have changed something.
  const clientRequest = request({ socketPath, method: 'POST', path: '/', signal, agent: false }, (response) => {
    json(response).then(resolve, reject);
  });
  clientRequest.once('error', (error: NodeJS.ErrnoException) => reject(connectionError(error, mesh)));
  clientRequest.end(JSON.stringify(controlRequest));
  return (await promise) as ControlAnswer;
}

function connectionError(error: NodeJS.ErrnoException, mesh: string): Error {
  switch (error.code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return new MeshmockError('unavailable', notUpText(mesh));
    case 'EACCES':
      return new MeshmockError('machine', 'the mesh belongs to root: run the command with sudo');
    case 'ECONNRESET':
      return new MeshmockError('unavailable', 'the mesh ended before it answered');
    default:
      return error;
  }
}

function notUpText(mesh: string): string {
  const others = meshNames().map((name) => `--mesh ${name}`);
  const choice = others.length === 0 ? '' : `, or use ${others.join(' or ')}`;
  return `the mesh "${mesh}" is not up: start it with \`meshmock istio up${meshOption(mesh)}\`${choice}`;
}

function meshNames(): string[] {
  try {
    return readdirSync(meshesFolder());
  } catch {
    return [];
  }
}
