import { randomUUID } from 'node:crypto';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { DnsSource } from '../../dial/names/dns-source.ts';
import type { NameSource } from '../../dial/names/name-source.ts';
import { SystemSource } from '../../dial/names/system-source.ts';
import { TargetResolver } from '../../dial/target-resolver.ts';
import { parseTargetPattern, type TargetPattern } from '../../dial/targets/target-pattern.ts';
import { TargetRules } from '../../dial/targets/target-rules.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { optional } from '../../error/optional.ts';
import type { BudgetLimits } from '../../execute/budgets/limits.ts';
import { Dialler } from '../../execute/connect-to.ts';
import { EchoServer } from '../../execute/echo-server.ts';
import type { Role } from '../../execute/role.ts';
import type { PageSettings } from '../../execute/service.ts';
import { ServicePorts } from '../../execute/service-ports.ts';
import { type Parsed, parseFrom, parseOptions, type Values, variableOf, variablesOf } from '../../options/options.ts';
import { grpcAddressFor, type ListenAddress } from '../../plan/address.ts';
import { parseDirectives } from '../../plan/parse.ts';
import type { Directive, PlanLimits } from '../../plan/plan.ts';
import type { ServiceTls } from '../../serve/service-tls.ts';
import type { LogLevel } from '../../serve/settings/log-level.ts';
import { serveSchema } from '../../serve/settings/serve-schema.ts';
import type { ServiceOptions } from '../../serve/start-service.ts';

/** Settings of `meshmock serve`, as flags and variables give them. */
export interface ServeSettings extends ServiceOptions {
  /** File with the answers of a stand-in; undefined for other roles. */
  readonly answers: string | undefined;
  readonly logLevel: LogLevel;
}

/**
 * Reads the settings of `meshmock serve`.
 *
 * @example
 * readServeSettings(['--name', 'reviews'], process.env).identity.service; // 'reviews'
 *
 * @throws MeshmockError `usage` with the flag or variable that is wrong
 */
export function readServeSettings(args: readonly string[], env: NodeJS.ProcessEnv): ServeSettings {
  const parsed = parseOptions(serveSchema, args, env);
  const [stray] = parsed.positionals;
  if (stray !== undefined) throw new MeshmockError('usage', `unexpected argument "${stray}" (--help lists the flags)`);
  const { values } = parsed;
  const limits: PlanLimits = {
    deadlineMs: values.deadline,
    maxCalls: values.maxCalls,
    maxDepth: values.maxDepth,
    maxCpuMs: values.maxCpu,
    maxSizeBytes: values.maxSize,
    maxMemoryBytes: values.maxMemory,
  };
  return {
    identity: {
      service: values.name ?? hostname(),
      version: values.serviceVersion,
      pod: values.pod ?? hostname(),
      ...optional('namespace', values.namespace),
      ...optional('node', values.node),
      ...optional('zone', values.zone),
    },
    http: values.http,
    grpc: grpcAddresses(parsed),
    tcp: values.tcp,
    ...optional('tls', tlsOf(values)),
    ...optional('metrics', values.metrics),
    dialler: new Dialler(values.connectTo),
    servicePorts: new ServicePorts(values.servicePort),
    targets: new TargetResolver(nameSource(), targetRules(values)),
    forwardHeaders: values.forwardHeader,
    limits,
    budgets: budgetsOf(values),
    role: roleOf(values),
    answers: values.answers,
    protoFiles: values.proto,
    behaviour: behaviourOf(parsed, limits),
    seed: values.seed ?? randomUUID(),
    drainMs: values.drain,
    maxQueueMs: values.maxQueueTime,
    ...optional('page', values.noPage ? undefined : pageOf(values)),
    logLevel: values.logLevel,
  };
}

/** Returns the source of names. Only Linux has all that is needed in /etc/resolv.conf and /etc/hosts. */
function nameSource(): NameSource {
  return process.platform === 'linux' ? new DnsSource() : new SystemSource();
}

/** Returns the rules about targets. Addresses that the operator wrote into other settings are allowed. */
function targetRules({ allowTarget, denyTarget, connectTo, upstream }: Values<typeof serveSchema>): TargetRules {
  const written = [...connectTo.map(({ toHost }) => toHost), ...(upstream === undefined ? [] : [upstream.host])];
  const addresses: TargetPattern[] = written.filter((host) => isIP(host) !== 0).map(parseTargetPattern);
  return new TargetRules({ allow: [...allowTarget, ...addresses], deny: denyTarget });
}

/** Returns the settings of TLS, or undefined if none is set. */
function tlsOf(values: Values<typeof serveSchema>): ServiceTls | undefined {
  const { tls, tlsCert, tlsKey, tlsClientCa, tlsCa, tlsInsecure } = values;
  const files = [tlsCert, tlsKey, tlsClientCa, tlsCa];
  if (tls.length === 0 && !tlsInsecure && files.every((file) => file === undefined)) return undefined;
  return {
    addresses: tls,
    ...optional('cert', tlsCert),
    ...optional('key', tlsKey),
    ...optional('clientCa', tlsClientCa),
    ...optional('ca', tlsCa),
    isInsecure: tlsInsecure,
  };
}

function pageOf({ traceUrl, graphUrl }: Values<typeof serveSchema>): PageSettings {
  return { ...optional('traceUrl', traceUrl), ...optional('graphUrl', graphUrl) };
}

function budgetsOf(values: Values<typeof serveSchema>): BudgetLimits {
  return {
    maxRequests: values.maxRequests,
    maxOpenCalls: values.maxOpenCalls,
    maxAnswerBytes: values.maxAnswer,
    maxHeldBytes: values.maxHeld,
    maxIdleConnections: values.maxIdleConnections,
    maxPipelined: values.maxPipelined,
    maxStreams: values.maxStreams,
    readTimeoutMs: values.readTimeout,
    writeTimeoutMs: values.writeTimeout,
    maxLogLineBytes: values.maxLogLine,
  };
}

function roleOf({ upstream, content, replyForm, answers }: Values<typeof serveSchema>): Role {
  if (answers !== undefined && (upstream !== undefined || content !== undefined || replyForm !== 'meshmock'))
    throw new MeshmockError(
      'usage',
      '--answers makes a stand-in: use it without --upstream, --content and --reply-form',
    );
  if (replyForm !== 'meshmock' && (upstream !== undefined || content !== undefined))
    throw new MeshmockError('usage', '--reply-form makes an echo server: use it without --upstream and --content');
  if (upstream !== undefined && content !== undefined)
    throw new MeshmockError('usage', '--upstream makes a proxy and --content a webserver: use only one of them');
  if (replyForm !== 'meshmock') return new EchoServer(replyForm);
  if (upstream !== undefined) return { kind: 'proxy', upstream };
  return content === undefined ? { kind: 'mock' } : { kind: 'webserver', content };
}

function behaviourOf({ values, given }: Parsed<typeof serveSchema>, limits: PlanLimits): readonly Directive[] {
  if (values.behaviour === undefined) return [];
  const variable = variableOf('behaviour');
  const source = given.has(variable) ? variable : '--behaviour';
  return parseFrom(source, values.behaviour, { parse: (value) => parseDirectives(value, limits) });
}

/** Settings of one pod. Their variables do not count for other pods that a command starts. */
const podSettings = [
  'name',
  'serviceVersion',
  'http',
  'grpc',
  'tcp',
  'tls',
  'tlsCert',
  'tlsKey',
  'tlsClientCa',
  'metrics',
  'pod',
  'zone',
  'connectTo',
  'servicePort',
  'behaviour',
  'upstream',
  'content',
  'answers',
  'replyForm',
] as const;

/** Returns the environment without the settings of one pod, for pods that get these settings by flags. */
export function withoutPodSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const variables = podSettings.flatMap((name) => variablesOf(name, serveSchema[name]));
  return Object.fromEntries(Object.entries(env).filter(([name]) => !variables.includes(name)));
}

/**
 * Returns the addresses of gRPC. With servicemock's `-listenAddress` alone they follow from those of HTTP, so that a
 * second instance gets another port.
 */
function grpcAddresses({ values, given }: Parsed<typeof serveSchema>): readonly ListenAddress[] {
  const isChosen = given.has('--grpc') || given.has('MESHMOCK_GRPC');
  if (isChosen || !given.has('-listenAddress')) return values.grpc;
  return values.http.map(grpcAddressFor);
}
