import { tcpText } from '../../plan/tcp-text.ts';
import { renderText } from '../../render/reply-text.ts';
import type { CallResult } from '../../reply/reply.ts';
import { quoteWord } from '../../send/forms/shell-words.ts';
import type { ObservationEvidence } from '../observation.ts';
import type { Caller, Probe } from '../probe.ts';
import { shownText } from '../secret-texts.ts';
import { type SecretMarks, shownPath, shownValue } from '../secret-values.ts';

/** Columns of a tree, so that two of them fit side by side. */
const treeColumns = 56;

/** Returns the tree of the first answer to a probe, from its caller, and a command that makes the request in a cluster. */
export function evidenceOf(probe: Probe, answers: readonly CallResult[], secrets: SecretMarks): ObservationEvidence {
  const [first] = answers;
  return { tree: first === undefined ? '' : treeOf(probe, first, secrets), command: commandOf(probe, secrets) };
}

function treeOf({ caller, destination }: Probe, call: CallResult, secrets: SecretMarks): string {
  const { durationMs = 0, body } = call;
  const target = `${destination.name}:${destination.port}`;
  const reply = {
    service: '',
    status: 200,
    durationMs,
    calls: [{ ...call, ...(body === undefined ? {} : { body: shownText(body, secrets) }), target }],
  };
  const calls = renderText(reply, { width: treeColumns });
  const [, ...rows] = calls.split('\n');
  return [callerName(caller), ...rows.map((row) => shownText(row, secrets))].join('\n');
}

/** Returns the name of the program that sends a request. */
function callerName(caller: Caller): string {
  switch (caller.kind) {
    case 'workload':
      return caller.name;
    case 'outside':
      return 'a client without a sidecar';
    case 'gateway':
      return 'a client outside the mesh';
  }
}

function commandOf({ caller, destination, request }: Probe, secrets: SecretMarks): string {
  const { method, headers, authority, protocol, token } = request;
  const path = shownPath(request.path, secrets);
  const shown = [
    ...headers.map((header) => `${header.name}: ${shownValue(header, secrets)}`),
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
