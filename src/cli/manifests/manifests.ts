import { isIP } from 'node:net';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { optional } from '../../error/optional.ts';
import {
  type CalledServices,
  type Callee,
  calledServices,
  serviceHost,
  servicePorts,
} from '../../manifests/called-services.ts';
import { manifestsOf, writeManifests } from '../../manifests/manifests.ts';
import type { MeshService } from '../../manifests/mesh-service.ts';
import { parseOptions, type Values } from '../../options/options.ts';
import { type PlanCommand, readCommand } from '../../send/forms/plan-forms.ts';
import { quoteWord } from '../../send/forms/shell-words.ts';
import type { Command } from '../options/command.ts';
import type { HelpText } from '../options/help.ts';
import { programVersion } from '../process/program-version.ts';
import { textOrStandardInput } from '../process/standard-input.ts';
import { type Assigned, manifestsSchema } from './manifests-options.ts';

const help: HelpText = {
  usage: ['manifests [OPTIONS] URL…'],
  summary: 'Prints Kubernetes manifests for the services that plans name.',
  about: [
    'URL is a plan in any form: a path, a URL, JSON, or a command for curl or grpcurl; - reads it from standard input. Pipe the output to kubectl apply -f -.',
  ],
  schema: manifestsSchema,
  examples: [
    "meshmock manifests '/@service1|service2/x' | kubectl apply -f -",
    "meshmock manifests '/@reviews/x' --versions reviews=v1,v2 --istio",
  ],
};

export const manifestsCommand: Command = { help, run: manifests };

/** Arguments that make the workloads of the demo. */
export const demoArguments: readonly string[] = [
  'localhost:8080/@service1|service2:8080[end-user=jason]/@grpc:service3,service4/hello',
  '--versions',
  'service2=v1,v2',
  '--versions',
  'service3=v1,v2',
];

/**
 * Prints the manifests of the services of plans. Standard error lists the targets that are skipped.
 *
 * @throws MeshmockError with the place where a text is not a plan, or the option that is wrong
 */
export function manifests(args: readonly string[]): void {
  const { text: printed, skipped } = manifestsFor(args);
  for (const { target, reason } of skipped) process.stderr.write(`meshmock: ${target} is skipped: ${reason}\n`);
  process.stdout.write(printed);
}

/**
 * Returns the manifests of the services of plans.
 *
 * @throws MeshmockError with the place where a text is not a plan, or the option that is wrong
 */
export function manifestsFor(args: readonly string[]): Pick<CalledServices, 'skipped'> & { readonly text: string } {
  const { values, positionals, given } = parseOptions(manifestsSchema, args, {});
  if (positionals.length === 0)
    throw new MeshmockError('usage', 'expected a URL or path; quote it, since the shell reads | and ( itself');
  const commands = positionals.map((each) => readCommand(textOrStandardInput(each)));
  const named = commands.flatMap((command) => entryOf(command, given.has('--entry')));
  const entries: Callee[] =
    named.length > 0 ? named : [{ host: values.entry, scheme: 'http', port: servicePorts.http }];
  const plans = commands.map(({ plan }) => plan);
  const { services, skipped } = calledServices(plans, entries, values.namespace);
  for (const { service } of [...values.versions, ...values.replicas, ...values.behaviour]) {
    if (service !== undefined && !services.some((known) => known.name === service))
      throw new MeshmockError(
        'usage',
        `no plan calls ${service}; the services are ${services.map((known) => known.name).join(', ')}`,
      );
  }
  const objects = manifestsOf(
    services.map((service) => withOptions(service, values)),
    {
      image: values.image ?? `meshmock:${programVersion()}`,
      istio: values.istio,
      allowTargets: values.allowTarget,
      denyTargets: values.denyTarget,
      ...optional('namespace', values.namespace),
      ...optional('spansTo', values.spansTo),
    },
  );
  return { text: writeManifests(objects, ['meshmock', 'manifests', ...args].map(asTyped).join(' ')), skipped };
}

function asTyped(word: string): string {
  return /^[\w.,:/=@-]+$/.test(word) ? word : quoteWord(word);
}

/**
 * Returns the service that a URL addresses. This machine means a forwarded port, and another host means an ingress:
 * then `--entry` names the service. TLS ends before the service, at a port of the ingress.
 */
function entryOf({ http, grpc, isTls = false }: PlanCommand, isNamed: boolean): Callee[] {
  const address = grpc ?? http;
  if (address === undefined || ['', 'localhost'].includes(address.host) || isIP(address.host) !== 0) return [];
  if (serviceHost(address.host) === undefined) {
    if (isNamed) return [];
    throw new MeshmockError(
      'usage',
      `${address.host} is not a Service name: name the Service that gets the plan with --entry`,
    );
  }
  const scheme = grpc === undefined ? 'http' : 'grpc';
  return [{ host: address.host, scheme, port: isTls ? servicePorts[scheme] : address.port }];
}

function withOptions(
  service: ReturnType<typeof calledServices>['services'][number],
  values: Values<typeof manifestsSchema>,
): MeshService {
  const of = <T>(all: readonly Assigned<T>[]): T | undefined =>
    (all.findLast((one) => one.service === service.name) ?? all.findLast((one) => one.service === undefined))?.value;
  const behaviour = of(values.behaviour);
  const ownVersions = values.versions.filter((one) => one.service === service.name).flatMap(({ value }) => value);
  return {
    ...service,
    versions: (ownVersions.length > 0 ? [...new Set(ownVersions)] : ['v1']).map((version) => ({
      version,
      replicas: of(values.replicas) ?? 1,
    })),
    ...optional('behaviour', behaviour),
  };
}
