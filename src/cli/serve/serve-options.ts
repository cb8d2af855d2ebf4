import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { Dialler, parseConnectTo } from '../../execute/connect-to.ts';
import { parseUpstream, type Role } from '../../execute/octopus.ts';
import { grpcAddressFor, type ListenAddress, parseAddress } from '../../plan/address.ts';
import { headerNameProblem } from '../../plan/fields.ts';
import { parseDirectives } from '../../plan/parse.ts';
import { type Directive, defaultPlanLimits, maxPlanDepth, type PlanLimits } from '../../plan/plan.ts';
import { formatDurationMs, formatSizeBytes } from '../../plan/quantity.ts';
import { type LogLevel, logLevels } from '../../serve/log-level.ts';
import type { ServiceOptions } from '../../serve/start-service.ts';
import { durationMs, label, sizeBytes, text, wholeNumber } from '../options/option-values.ts';
import { named, type Option, type Parsed, parseOptions, type Values, variableOf } from '../options/options.ts';

function headerName(value: string): string {
  const name = value.toLowerCase();
  const problem = headerNameProblem(name);
  if (problem !== undefined) throw new MeshmockError('usage', `"${value}": expected ${problem}`);
  return name;
}

/** @throws MeshmockError `usage` */
export function parseLogLevel(value: string): LogLevel {
  const level = logLevels.find((known) => known === value);
  if (level !== undefined) return level;
  throw new MeshmockError('usage', `"${value}" is not a log level: expected ${logLevels.join(', ')}`);
}

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
  forwardHeader: {
    parse: headerName,
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
    help: 'maximum memory of one `~memory`, and of all requests together',
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

export interface ServeSettings extends ServiceOptions {
  readonly logLevel: LogLevel;
}

/** @throws MeshmockError `usage` */
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
      ...(values.namespace === undefined ? {} : { namespace: values.namespace }),
      ...(values.node === undefined ? {} : { node: values.node }),
      ...(values.zone === undefined ? {} : { zone: values.zone }),
    },
    http: values.http,
    grpc: grpcAddresses(parsed),
    ...(values.metrics === undefined ? {} : { metrics: values.metrics }),
    dialler: new Dialler(values.connectTo),
    forwardHeaders: values.forwardHeader,
    limits,
    role: roleOf(values),
    behaviour: behaviourOf(parsed, limits),
    seed: values.seed ?? randomUUID(),
    drainMs: values.drain,
    logLevel: values.logLevel,
  };
}

function roleOf({ upstream, content }: Values<typeof serveSchema>): Role {
  if (upstream !== undefined && content !== undefined)
    throw new MeshmockError('usage', '--upstream makes a proxy and --content a webserver: use only one of them');
  if (upstream !== undefined) return { kind: 'proxy', upstream };
  return content === undefined ? { kind: 'mock' } : { kind: 'webserver', content };
}

function behaviourOf({ values, given }: Parsed<typeof serveSchema>, limits: PlanLimits): readonly Directive[] {
  if (values.behaviour === undefined) return [];
  const variable = variableOf('behaviour');
  const source = given.has(variable) ? variable : '--behaviour';
  return named(source, values.behaviour, { parse: (value) => parseDirectives(value, limits) });
}

/** What belongs to one pod: variables for it are not for others that it starts. */
const ownSettings = [
  'name',
  'serviceVersion',
  'http',
  'grpc',
  'metrics',
  'pod',
  'zone',
  'connectTo',
  'behaviour',
  'upstream',
  'content',
] as const;

/** The environment without the settings of one service, for services that get theirs by flags. */
export function withoutOwnSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = ownSettings.flatMap((name) => {
    const { aliases = [] }: Option<unknown> = serveSchema[name];
    return [variableOf(name), ...aliases];
  });
  return Object.fromEntries(Object.entries(env).filter(([name]) => !own.includes(name)));
}

/** Whoever starts a second instance with servicemock's one flag gets a second gRPC port without asking. */
function grpcAddresses({ values, given }: Parsed<typeof serveSchema>): readonly ListenAddress[] {
  const isChosen = given.has('--grpc') || given.has('MESHMOCK_GRPC');
  if (isChosen || !given.has('-listenAddress')) return values.grpc;
  return values.http.map(grpcAddressFor);
}
