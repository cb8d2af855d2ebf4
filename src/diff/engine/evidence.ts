import { tcpText } from '../../plan/tcp-text.ts';
import { renderText } from '../../render/reply-text.ts';
import { printable } from '../../render/terminal-text.ts';
import type { CallResult } from '../../reply/reply.ts';
import { quoteWord } from '../../send/forms/shell-words.ts';
import type { ObservationEvidence, Probe } from '../model.ts';

/** Returns the tree of the first answer to a probe, and a command that makes the request in a cluster. */
export function evidenceOf(probe: Probe, answers: readonly CallResult[]): ObservationEvidence {
  const [first] = answers;
  return { tree: first === undefined ? '' : treeOf(first), command: commandOf(probe) };
}

function treeOf(call: CallResult): string {
  const { target, reply, status, mesh, error, body = '' } = call;
  if (reply !== undefined) return renderText(reply);
  if (error !== undefined) return `${target}: ${error.code}: ${error.message}\n`;
  const refusal = mesh?.refusal;
  if (refusal !== undefined) return `${target}: ${status}, refused by the proxy: ${refusal.explanation}\n`;
  return [`${target}: ${status}`, ...body.split('\n')].map((line) => `${printable(line)}\n`).join('');
}

function commandOf({ caller, destination, request }: Probe): string {
  const { method, path, headers, authority, protocol, token } = request;
  const shown = [
    ...headers.map(({ name, value }) => `${name}: ${value}`),
    ...(authority === undefined ? [] : [`host: ${authority}`]),
    ...(token === undefined ? [] : [`authorization: Bearer TOKEN of ${token.issuer}`]),
  ];
  const flags = shown.map((text) => `-H ${quoteWord(text)}`);
  const scheme = caller.kind === 'gateway' ? caller.scheme : 'http';
  const target = `${destination.host}:${destination.port}`;
  const stdin = protocol === 'tcp' ? '-i ' : '';
  const inside =
    caller.kind === 'workload' ? [`kubectl exec ${stdin}-n ${caller.namespace} deploy/${caller.name} --`] : [];
  if (protocol === 'grpc')
    return [...inside, 'grpcurl -plaintext', ...flags, target, path.replace(/^\//, '')].join(' ');
  if (protocol === 'tcp')
    return [`echo ${quoteWord(tcpText(path))} |`, ...inside, `nc ${destination.host} ${destination.port}`].join(' ');
  const verb = method === 'GET' ? [] : [`-X ${method}`];
  return [...inside, 'curl -g', ...verb, ...flags, quoteWord(`${scheme}://${target}${path}`)].join(' ');
}
