import { parseTargetPattern } from '../../dial/targets/target-pattern.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { defaultBudgetLimits } from '../../execute/budgets/limits.ts';
import { parseConnectTo } from '../../execute/connect-to.ts';
import { parseUpstream } from '../../execute/octopus.ts';
import { parseServicePort } from '../../execute/service-ports.ts';
import { durationMs, label, sizeBytes, text, wholeNumber, yesOrNo } from '../../options/option-values.ts';
import { parseAddress } from '../../plan/address.ts';
import { headerNameProblem } from '../../plan/fields.ts';
import { defaultPlanLimits, maxPlanDepth } from '../../plan/plan.ts';
import { formatDurationMs, formatSizeBytes } from '../../plan/quantity.ts';
import { logLevels, parseLogLevel } from './log-level.ts';
import { parseGraphUrl, parseTraceUrl } from './page-links.ts';
import { parseReplyForm, replyForms } from './reply-form.ts';

/** Settings of `meshmock serve`. They make its flags, variables, defaults, types, help and the table in the docs. */
export const serveSchema = {
  name: { parse: label, value: 'NAME', help: 'name of the service; the host name if not set' },
  serviceVersion: { parse: label, default: 'v1', value: 'VERSION', help: 'version of the service' },
  http: {
    parse: parseAddress,
    default: ':8080',
    value: 'ADDRESS',
    help: 'address of HTTP; port 0 is any free port',
    repeatable: true,
    aliases: ['-listenAddress'],
  },
  grpc: {
    parse: parseAddress,
    default: ':9090',
    value: 'ADDRESS',
    help: 'address of gRPC; with `-listenAddress`, its port + 1010',
    repeatable: true,
  },
  tcp: {
    parse: parseAddress,
    value: 'ADDRESS',
    help: 'address of TCP, where each line is answered with a line; off if not set',
    repeatable: true,
  },
  tls: {
    parse: parseAddress,
    value: 'ADDRESS',
    help: 'address of TLS, for HTTP and gRPC, such as `:8443`; off if not set',
    repeatable: true,
  },
  tlsCert: {
    parse: text,
    value: 'FILE',
    help: 'certificate in PEM, also of calls; without it, `--tls` signs its own',
    isPath: true,
  },
  tlsKey: { parse: text, value: 'FILE', help: 'private key of the certificate', isPath: true },
  tlsClientCa: {
    parse: text,
    value: 'FILE',
    help: 'authorities of clients, each of which must show a certificate',
    isPath: true,
  },
  tlsCa: {
    parse: text,
    value: 'FILE',
    help: 'authorities that calls trust, in place of those of the system',
    isPath: true,
  },
  tlsInsecure: {
    parse: yesOrNo,
    default: 'false',
    value: 'true|false',
    help: 'true makes calls accept any certificate',
    choices: ['true', 'false'],
  },
  metrics: {
    parse: parseAddress,
    value: 'ADDRESS',
    help: 'address of `/metrics` for Prometheus, such as `:9464`; off if not set',
  },
  connectTo: {
    parse: parseConnectTo,
    value: 'HOST:PORT:ADDR:PORT',
    help: 'dial ADDR:PORT for HOST:PORT, as curl does; several are used in turn',
    repeatable: true,
  },
  servicePort: {
    parse: parseServicePort,
    value: 'HOST:PORT',
    help: 'port of HOST for targets without one; `grpc:HOST:PORT` or `tcp:HOST:PORT` for others',
    repeatable: true,
  },
  allowTarget: {
    parse: parseTargetPattern,
    value: 'TARGET',
    help: 'addresses or hosts that calls may dial: `169.254.171.0/24`, `*.example.com`',
    repeatable: true,
  },
  denyTarget: {
    parse: parseTargetPattern,
    value: 'TARGET',
    help: 'addresses or hosts that calls must not dial; the most specific rule decides',
    repeatable: true,
  },
  forwardHeader: {
    parse: parseHeaderName,
    value: 'NAME',
    help: 'further header to forward, besides those of traces and routing',
    repeatable: true,
  },
  behaviour: {
    parse: text,
    value: 'DIRECTIVES',
    help: 'directives for every request, such as `/~delay=200ms/~status=503:0.1`',
  },
  seed: {
    parse: text,
    value: 'TEXT',
    help: 'makes random choices of directives the same in every run',
  },
  upstream: {
    parse: parseUpstream,
    value: 'URL',
    help: "act as Octopus's proxy of this upstream",
    aliases: ['PROXYURL'],
  },
  content: {
    parse: text,
    value: 'TEXT',
    help: "act as Octopus's webserver that answers with this text",
    aliases: ['SERVERCONTENT', 'SERVERCONTNET'],
  },
  answers: {
    parse: text,
    value: 'FILE',
    help: 'act as a stand-in: answers by method and path, in YAML',
    isPath: true,
  },
  replyForm: {
    parse: parseReplyForm,
    default: 'meshmock',
    value: 'FORM',
    help: `form of the answers, one of ${replyForms.join(', ')}`,
    choices: replyForms,
  },
  proto: {
    parse: text,
    value: 'PATH',
    help: 'proto file, or folder of them: gRPC messages as JSON, and reflection',
    repeatable: true,
    isPath: true,
  },
  noPage: { isSwitch: true, help: 'answer browsers with JSON, as any other client' },
  traceUrl: {
    parse: parseTraceUrl,
    value: 'URL',
    help: 'link of the page to a trace, such as `http://localhost:16686/trace/{traceId}`',
  },
  graphUrl: {
    parse: parseGraphUrl,
    value: 'URL',
    help: 'link of the page to a graph such as that of Kiali, with `{namespace}` and `{service}`',
  },
  deadline: {
    parse: durationMs,
    default: formatDurationMs(defaultPlanLimits.deadlineMs),
    value: 'DURATION',
    help: 'maximum time of one request, and of one delay',
  },
  maxCalls: {
    parse: wholeNumber(0, 1_000_000),
    default: String(defaultPlanLimits.maxCalls),
    value: 'N',
    help: 'maximum number of calls that one request may cause in all services',
  },
  maxDepth: {
    parse: wholeNumber(0, maxPlanDepth),
    default: String(defaultPlanLimits.maxDepth),
    value: 'N',
    help: 'maximum length of a chain of calls',
  },
  maxCpu: {
    parse: durationMs,
    default: formatDurationMs(defaultPlanLimits.maxCpuMs),
    value: 'DURATION',
    help: 'maximum CPU time of one `~cpu`',
  },
  maxSize: {
    parse: sizeBytes,
    default: formatSizeBytes(defaultPlanLimits.maxSizeBytes),
    value: 'SIZE',
    help: 'maximum body of one `~size`',
  },
  maxMemory: {
    parse: sizeBytes,
    default: formatSizeBytes(defaultPlanLimits.maxMemoryBytes),
    value: 'SIZE',
    help: 'maximum memory of one `~memory`, and of all requests with their answers',
  },
  maxRequests: {
    parse: wholeNumber(1, 1_000_000),
    default: String(defaultBudgetLimits.maxRequests),
    value: 'N',
    help: 'maximum number of requests at once',
  },
  maxOpenCalls: {
    parse: wholeNumber(0, 1_000_000),
    default: String(defaultBudgetLimits.maxOpenCalls),
    value: 'N',
    help: 'maximum number of calls at once that the service makes',
  },
  maxAnswer: {
    parse: sizeBytes,
    default: formatSizeBytes(defaultBudgetLimits.maxAnswerBytes),
    value: 'SIZE',
    help: 'maximum size of one answer; replies that exceed it are left out',
  },
  maxHeld: {
    parse: sizeBytes,
    default: formatSizeBytes(defaultBudgetLimits.maxHeldBytes),
    value: 'SIZE',
    help: 'maximum size of all answers that are being made or sent',
  },
  maxIdleConnections: {
    parse: wholeNumber(1, 1_000_000),
    default: String(defaultBudgetLimits.maxIdleConnections),
    value: 'N',
    help: 'maximum number of connections without a request',
  },
  maxPipelined: {
    parse: wholeNumber(1, 1_000_000),
    default: String(defaultBudgetLimits.maxPipelined),
    value: 'N',
    help: 'maximum number of requests at once of an HTTP/1.1 connection',
  },
  maxStreams: {
    parse: wholeNumber(1, 1_000_000),
    default: String(defaultBudgetLimits.maxStreams),
    value: 'N',
    help: 'maximum number of requests at once of an HTTP/2 connection',
  },
  readTimeout: {
    parse: durationMs,
    default: formatDurationMs(defaultBudgetLimits.readTimeoutMs),
    value: 'DURATION',
    help: 'maximum time to receive a request',
  },
  writeTimeout: {
    parse: durationMs,
    default: formatDurationMs(defaultBudgetLimits.writeTimeoutMs),
    value: 'DURATION',
    help: 'maximum time in which a client does not read its answer',
  },
  maxLogLine: {
    parse: sizeBytes,
    default: formatSizeBytes(defaultBudgetLimits.maxLogLineBytes),
    value: 'SIZE',
    help: 'maximum size of the texts in a line of the log',
  },
  maxQueueTime: {
    parse: (value: string) => (value === '0' ? 0 : durationMs(value)),
    default: '3ms',
    value: 'DURATION',
    help: 'longest wait of a request in an overloaded service; 0 refuses none',
  },
  drain: {
    parse: durationMs,
    default: '200ms',
    value: 'DURATION',
    help: 'maximum time to serve kept connections after a signal',
  },
  logLevel: {
    parse: parseLogLevel,
    default: 'info',
    value: 'LEVEL',
    help: `one of ${logLevels.join(', ')}; info logs each request`,
    choices: logLevels,
  },
  pod: { parse: text, value: 'NAME', help: 'pod in replies; the host name if not set' },
  namespace: { parse: text, value: 'NAME', help: 'namespace in replies' },
  node: { parse: text, value: 'NAME', help: 'node in replies' },
  zone: { parse: text, value: 'NAME', help: 'zone in replies' },
} as const;

function parseHeaderName(value: string): string {
  const name = value.toLowerCase();
  const problem = headerNameProblem(name);
  if (problem !== undefined) throw new MeshmockError('usage', `"${value}": expected ${problem}`);
  return name;
}
