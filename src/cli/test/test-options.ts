import { parseEntry } from '../../cases/meshes/live-entry.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { durationMs, text, wholeNumber } from '../../options/option-values.ts';
import { parseOptions, type Values } from '../../options/options.ts';
import { parseAddress } from '../../plan/address.ts';
import { overwriteOption } from '../files/new-file.ts';
import { meshOptions } from '../options/mesh-options.ts';

export const testSchema = {
  entry: {
    parse: parseEntry,
    value: '[NAME=]URL',
    help: 'meshmock in a running mesh, or the service or gateway NAME',
    repeatable: true,
  },
  istio: {
    isSwitch: true,
    help: 'use a local mesh; the default without --entry',
  },
  manifests: {
    parse: text,
    value: 'FILE|DIR',
    help: 'further manifests for every file',
    repeatable: true,
    isPath: true,
  },
  ...meshOptions,
  meshes: {
    parse: wholeNumber(1, 100),
    value: 'N',
    help: 'local meshes that run files at the same time; by default as cores, memory and files allow',
  },
  only: { parse: text, value: 'TEXT', help: 'run only cases with TEXT in their names', repeatable: true },
  before: {
    isSwitch: true,
    help: 'the mesh of --entry has no change yet: run the `before` cases',
  },
  contrast: {
    isSwitch: true,
    help: 'also check that cases fail without the change, that `before` cases fail with it, and that reverting restores them',
  },
  failUntested: {
    isSwitch: true,
    help: 'fail if no case covers a route, subset or rule of the manifests',
  },
  watch: { isSwitch: true, help: 'run again when a file changes' },
  keep: { isSwitch: true, help: 'keep the mesh up at the end; Ctrl-C stops it' },
  http: {
    parse: parseAddress,
    default: 'localhost:0',
    value: 'ADDRESS',
    help: 'first HTTP address of the services; port 0 is any free port',
  },
  grpc: { parse: parseAddress, default: 'localhost:0', value: 'ADDRESS', help: 'the same for gRPC' },
  timeout: {
    parse: durationMs,
    default: '10s',
    value: 'DURATION',
    help: 'timeout of an answer, for cases that set none',
  },
  retryUntil: {
    parse: durationMs,
    value: 'DURATION',
    help: 'time to retry each case until it holds, for cases that set none',
  },
  write: {
    parse: text,
    value: 'FILE',
    help: 'write cases for the manifests FILE|DIR, as they hold in a local mesh, into a new FILE',
    isPath: true,
  },
  overwrite: overwriteOption,
  json: { isSwitch: true, help: 'print JSON: cases, expectations, first failed answers' },
  junit: { parse: text, value: 'FILE', help: 'also write the cases as JUnit XML', isPath: true },
  github: {
    isSwitch: true,
    help: 'in a workflow of GitHub: also annotate the lines of failures, and write the summary of the step',
  },
} as const;

export interface TestSettings extends Values<typeof testSchema> {
  /** Files of cases, and folders that contain them; manifests with `--write`. */
  readonly names: readonly string[];
}

/**
 * Parses the arguments of `meshmock test`.
 *
 * @throws MeshmockError `usage`
 * @example
 * readTestSettings(['test.yaml', '--only', 'jason']).only; // ['jason']
 */
export function readTestSettings(args: readonly string[]): TestSettings {
  const { values, positionals } = parseOptions(testSchema, args, {});
  if (positionals.length === 0)
    throw new MeshmockError(
      'usage',
      values.write === undefined
        ? 'expected at least one FILE or DIR with cases'
        : 'expected the manifests for which --write writes cases',
    );
  if (values.overwrite && values.write === undefined)
    throw new MeshmockError('usage', '--overwrite is about the file of --write: add --write FILE');
  const problem = values.write === undefined ? conflictOf(values) : conflictWithWrite(values);
  if (problem !== undefined) throw new MeshmockError('usage', problem);
  return { ...values, names: positionals };
}

/** Returns the first conflict between flags; undefined if they work together. */
function conflictOf(values: Values<typeof testSchema>): string | undefined {
  const isLive = values.entry.length > 0;
  if (values.github && values.json)
    return '--github prints annotations and --json only JSON: remove one of them, or use --junit';
  if (isLive && values.istio) return '--entry calls a running mesh and --istio starts one: remove one of them';
  const withPort = values.entry.find(({ name }) => name?.includes(':'))?.name;
  if (withPort !== undefined)
    return `--entry ${withPort}=…: cases name a service or gateway without a port: write ${withPort.replace(/:.*/, '')}=URL`;
  if (isLive && values.contrast)
    return '--contrast changes the mesh, and the running mesh of --entry is never changed: remove one of them';
  const localFlags = {
    '--manifests': values.manifests.length > 0,
    '--fail-untested': values.failUntested,
    '--keep': values.keep,
    '--mesh-config': values.meshConfig !== undefined,
    '--profile': values.profile !== undefined,
    '--istio-values': values.istioValues !== undefined,
    '--max-replicas': values.maxReplicas !== undefined,
    '--meshes': values.meshes !== undefined,
  };
  const localFlag = Object.entries(localFlags).find(([, isGiven]) => isGiven)?.[0];
  if (isLive && localFlag !== undefined)
    return `${localFlag} needs a local mesh, and --entry calls a running one: remove one of them`;
  if (!isLive && values.before)
    return '--before needs a running mesh (--entry): a local mesh runs the cases before and with the change';
  const oneMeshFlag = oneMeshFlagOf(values);
  if (values.meshes !== undefined && values.meshes > 1 && oneMeshFlag !== undefined)
    return `${oneMeshFlag} needs a single mesh, and --meshes starts ${values.meshes}: remove one of them`;
  if (values.failUntested && values.only.length > 0)
    return '--fail-untested needs all cases, and --only leaves some out: remove one of them';
  return undefined;
}

/** Returns the first flag that is about running cases, which `--write` does not; undefined if there is none. */
function conflictWithWrite(values: Values<typeof testSchema>): string | undefined {
  const flags = {
    '--entry': values.entry.length > 0,
    '--meshes': values.meshes !== undefined,
    '--only': values.only.length > 0,
    '--before': values.before,
    '--contrast': values.contrast,
    '--fail-untested': values.failUntested,
    '--watch': values.watch,
    '--keep': values.keep,
    '--json': values.json,
    '--junit': values.junit !== undefined,
    '--github': values.github,
  };
  const flag = Object.entries(flags).find(([, isGiven]) => isGiven)?.[0];
  return flag === undefined ? undefined : `--write writes cases, and ${flag} is for running them: remove one of them`;
}

/** Returns the first flag that is about a single local mesh; undefined if none is. */
export function oneMeshFlagOf({ keep, http, grpc }: Pick<TestSettings, 'keep' | 'http' | 'grpc'>): string | undefined {
  const flags = { '--keep': keep, '--http with a port': http.port !== 0, '--grpc with a port': grpc.port !== 0 };
  return Object.entries(flags).find(([, isGiven]) => isGiven)?.[0];
}
