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
  throw new MeshmockError('usage', `"${value}" is no level: expected ${logLevels.join(', ')}`);
}

export const serveSchema = {
  name: { parse: label, value: 'NAME', help: 'name of the service; the host name if not given' },
  serviceVersion: { parse: label, default: 'v1', value: 'VERSION', help: 'version of the service' },
  http: {
    parse: parseAddress,
    default: ':8080',
    value: 'ADDRESS',
    help: 'where HTTP listens; port 0 is any free one',
    repeatable: true,
    aliases: ['-listenAddress'],
  },
  grpc: {
    parse: parseAddress,
    default: ':9090',
    value: 'ADDRESS',
    help: 'where gRPC listens; behind `-listenAddress`, its port + 1010',
    repeatable: true,
  },
  metrics: {
    parse: parseAddress,
    value: 'ADDRESS',
    help: 'where Prometheus finds `/metrics`, such as `:9464`; nowhere if not given',
  },
  connectTo: {
    parse: parseConnectTo,
    value: 'HOST:PORT:ADDR:PORT',
    help: 'dial another address and keep the host name, as with curl; the same HOST:PORT again adds an address, taken in turn',
    repeatable: true,
  },
  forwardHeader: {
    parse: headerName,
    value: 'NAME',
    help: 'forward this header too, beside those of traces and routing',
    repeatable: true,
  },
  behaviour: {
    parse: text,
    value: 'DIRECTIVES',
    help: 'done with every request, such as `/~delay=200ms/~status=503:0.1`',
  },
  seed: {
    parse: text,
    value: 'TEXT',
    help: 'makes what directives leave to chance the same in every run; any if not given',
  },
  upstream: {
    parse: parseUpstream,
    value: 'URL',
    help: "be Octopus's proxy: pass on what this upstream says",
    aliases: ['PROXYURL'],
  },
  content: {
    parse: text,
    value: 'TEXT',
    help: "be Octopus's webserver: answer with this text",
    aliases: ['SERVERCONTENT', 'SERVERCONTNET'],
  },
  deadline: {
    parse: durationMs,
    default: formatDurationMs(defaultPlanLimits.deadlineMs),
    value: 'DURATION',
    help: 'longest time for one request, and longest delay',
  },
  maxCalls: {
    parse: wholeNumber(0, 1_000_000),
    default: String(defaultPlanLimits.maxCalls),
    value: 'N',
    help: 'most calls that one request may cause, all services together',
  },
  maxDepth: {
    parse: wholeNumber(0, maxPlanDepth),
    default: String(defaultPlanLimits.maxDepth),
    value: 'N',
    help: 'longest chain of calls',
  },
  maxCpu: {
    parse: durationMs,
    default: formatDurationMs(defaultPlanLimits.maxCpuMs),
    value: 'DURATION',
    help: 'most CPU time that `~cpu` may ask for',
  },
  maxSize: {
    parse: sizeBytes,
    default: formatSizeBytes(defaultPlanLimits.maxSizeBytes),
    value: 'SIZE',
    help: 'largest body that `~size` may ask for',
  },
  maxMemory: {
    parse: sizeBytes,
    default: formatSizeBytes(defaultPlanLimits.maxMemoryBytes),
    value: 'SIZE',
    help: 'most memory that `~memory` may ask for, and that all requests hold together',
  },
  drain: {
    parse: durationMs,
    default: '200ms',
    value: 'DURATION',
    help: 'once it is to end, how long at most connections that callers keep open are still served, each for one answer more',
  },
  logLevel: {
    parse: parseLogLevel,
    default: 'info',
    value: 'LEVEL',
    help: `one of ${logLevels.join(', ')}; each request is a line at info`,
  },
  pod: { parse: text, value: 'NAME', help: 'shown in replies; the host name if not given' },
  namespace: { parse: text, value: 'NAME', help: 'shown in replies' },
  node: { parse: text, value: 'NAME', help: 'shown in replies' },
  zone: { parse: text, value: 'NAME', help: 'shown in replies' },
} as const;

export interface ServeSettings extends ServiceOptions {
  readonly logLevel: LogLevel;
}

/** @throws MeshmockError `usage` */
export function readServeSettings(args: readonly string[], env: NodeJS.ProcessEnv): ServeSettings {
  const parsed = parseOptions(serveSchema, args, env);
  const [stray] = parsed.positionals;
  if (stray !== undefined) throw new MeshmockError('usage', `"${stray}" is no flag (--help lists the flags)`);
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
    throw new MeshmockError('usage', '--upstream makes a proxy, --content a webserver: give one of them');
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
