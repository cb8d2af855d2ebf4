import type { CallResult, Reply, Tls } from '../../reply/reply.ts';
import { type Content, element, link } from '../dom/elements.ts';
import type { CallRow } from '../model/call-rows.ts';
import { fillLink, type PageLinks } from '../model/page-data.ts';

/** Name and value of a fact; a fact without a value is left out. */
type Fact = readonly [name: string, value: Content | number];

/** Returns what is known of a call: the answer as the caller saw it, what the service received, and the evidence of the mesh. */
export function rowDetails({ call, reply }: CallRow, links: PageLinks): HTMLElement {
  return element(
    'div',
    { class: 'facts' },
    call === undefined
      ? undefined
      : section(
          'Seen by the caller',
          callFacts(call),
          headerTable('Headers of the answer', call.headers),
          bodyOf(call.body),
        ),
    reply === undefined
      ? undefined
      : section(
          `Received by ${reply.service}`,
          receivedFacts(reply),
          headerTable('Headers of the request', reply.request?.headers),
        ),
    reply === undefined
      ? undefined
      : section('Answered', answerFacts(reply, links), errorOf(reply), bodyOf(reply.body)),
  );
}

function section(title: string, facts: readonly Fact[], ...more: readonly Content[]): HTMLElement {
  const shown = facts.filter(([, value]) => value !== undefined && value !== '');
  const list = shown.flatMap(([name, value]) => [
    element('dt', {}, name),
    element('dd', { class: 'foreign' }, typeof value === 'number' ? String(value) : value),
  ]);
  return element('section', {}, element('h3', {}, title), element('dl', {}, ...list), ...more);
}

function callFacts(call: CallResult): Fact[] {
  const { mesh = {}, error, pruned, attempts, stream } = call;
  const { proxy, upstreamMs, refusal } = mesh;
  return [
    ['target', `${call.scheme}:${call.target}`],
    ['status', call.status],
    ['gRPC status', call.grpcStatus],
    ['answered by', answeredBy[call.answeredBy] ?? call.answeredBy],
    ['refused by the proxy', refusal === undefined ? undefined : `${refusal.reason}: ${refusal.explanation}`],
    ['error', error === undefined ? undefined : `${error.code}: ${error.message}`],
    ['attempts', attempts === undefined ? undefined : attempts.join(', then ')],
    ['began after', ms(call.startMs)],
    ['took', ms(call.durationMs)],
    ['proxy', proxy],
    ['the proxy waited', ms(upstreamMs)],
    ['TLS', call.tls === undefined ? undefined : tlsText(call.tls)],
    ['HTTP', call.httpVersion],
    ['arrived in', stream?.chunks === undefined ? undefined : `${stream.chunks} parts`],
    ['events', stream?.events],
    ['reply left out', pruned === undefined ? undefined : `${pruned.bytes} bytes: ${pruned.reason}`],
    ['span', call.spanId],
  ];
}

const answeredBy: Readonly<Record<string, string>> = {
  service: 'the service',
  proxy: 'a proxy, not the service',
  foreign: 'a server that is not a meshmock',
  nobody: 'no server',
};

function receivedFacts({ request, mesh = {}, ...reply }: Reply): Fact[] {
  return [
    ['version', reply.version],
    ['pod', reply.pod],
    ['namespace', reply.namespace],
    ['node', reply.node],
    ['zone', reply.zone],
    ['request', request === undefined ? undefined : `${request.method} ${request.uri}`],
    ['protocol', request?.protocol],
    ['HTTP', request?.httpVersion],
    ['caller (mTLS)', mesh.peerIdentity],
    ['own identity', mesh.ownIdentity],
    ['attempt', mesh.attempt],
    ['request id', mesh.requestId],
    ['TLS', request?.tls === undefined ? undefined : tlsText(request.tls)],
    ['messages', request?.messages],
    ['message', request?.message],
    ['body', request?.body],
    ['size of the body', request?.bodyBytes === undefined ? undefined : `${request.bodyBytes} bytes`],
  ];
}

function answerFacts(reply: Reply, { traceUrl, graphUrl }: PageLinks): Fact[] {
  const { service, namespace = 'default', traceId } = reply;
  return [
    ['status', reply.status],
    ['gRPC status', reply.grpcStatus],
    ['took', ms(reply.durationMs)],
    ['directives', reply.behaviour?.map((directive) => `~${directive}`).join(' ')],
    ['calls left out', reply.prunedCalls],
    [
      'trace',
      traceId === undefined || traceUrl === undefined ? traceId : link(fillLink(traceUrl, { traceId }), traceId),
    ],
    ['graph', graphUrl === undefined ? undefined : link(fillLink(graphUrl, { namespace, service }), 'in the mesh')],
  ];
}

function tlsText({ version, sni, alpn, peer, unverified }: Tls): string {
  return [
    version,
    ...(alpn === undefined ? [] : [alpn]),
    ...(sni === undefined ? [] : [`asked for ${sni}`]),
    ...(peer === undefined ? [] : [`other end: ${peer}`]),
    ...(unverified === true ? ['not verified'] : []),
  ].join(', ');
}

function ms(value: number | undefined): string | undefined {
  return value === undefined ? undefined : `${value} ms`;
}

function headerTable(title: string, headers: Readonly<Record<string, string>> | undefined): HTMLElement | undefined {
  const entries = Object.entries(headers ?? {});
  if (entries.length === 0) return undefined;
  const rows = entries.map(([name, value]) =>
    element(
      'tr',
      {},
      element('th', { scope: 'row', class: 'foreign' }, name),
      element('td', { class: 'foreign' }, value),
    ),
  );
  return element(
    'details',
    {},
    element('summary', {}, `${title} (${entries.length})`),
    element('table', {}, element('tbody', {}, ...rows)),
  );
}

function bodyOf(body: string | undefined): HTMLElement | undefined {
  return body === undefined || body === '' ? undefined : element('pre', { class: 'foreign', tabindex: 0 }, body);
}

function errorOf({ error }: Reply): HTMLElement | undefined {
  if (error === undefined) return undefined;
  return element(
    'pre',
    { class: 'foreign bad', tabindex: 0 },
    [`${error.code}: ${error.message}`, ...(error.caret ?? [])].join('\n'),
  );
}
