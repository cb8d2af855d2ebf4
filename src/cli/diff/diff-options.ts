import { parseEntry } from '../../cases/meshes/live-entry.ts';
import { type Severity, severities } from '../../diff/difference.ts';
import type { EntryPairs } from '../../diff/live/live-entries.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { label, text, wholeNumber } from '../../options/option-values.ts';
import { parseOptions, type Values } from '../../options/options.ts';
import { overwriteOption } from '../files/new-file.ts';
import { meshOptions } from '../options/mesh-options.ts';
import { parseSnapshots, type SnapshotNames } from './snapshot-names.ts';

/** Formats of a report. */
export const reportFormats = ['text', 'markdown', 'json', 'junit'] as const;

export type ReportFormat = (typeof reportFormats)[number];

export const diffSchema = {
  manifests: {
    parse: text,
    value: 'FILE|DIR',
    help: 'further manifests of both snapshots',
    repeatable: true,
    isPath: true,
  },
  namespace: {
    parse: label,
    default: 'default',
    value: 'NAME',
    help: 'namespace of objects without one',
    aliases: ['-n'],
  },
  ...meshOptions,
  entry: {
    parse: parseEntry,
    value: '[NAME=]URL',
    help: 'meshmock in the running mesh OLD, and again in NEW; NAME as for `meshmock test`',
    repeatable: true,
  },
  all: { isSwitch: true, help: 'also send requests where the configuration of all proxies is equal' },
  format: {
    parse: parseFormat,
    default: 'text',
    value: 'FORMAT',
    help: 'format of the report: text, markdown, json or junit',
    choices: reportFormats,
  },
  explain: {
    parse: wholeNumber(1, 100_000),
    value: 'N',
    help: 'show line N of the report: both trees, the command, the conditions',
  },
  failOn: {
    parse: parseSeverities,
    value: 'LIST',
    help: `exit code 1 only for these severities: ${severities.join(', ')}`,
    choices: severities,
  },
  write: { parse: text, value: 'FILE', help: 'write the differences as cases for `meshmock test`', isPath: true },
  overwrite: overwriteOption,
} as const;

export interface DiffSettings extends Values<typeof diffSchema> {
  /** Entries into two running meshes; undefined to compare snapshots in a local mesh. */
  readonly entries: EntryPairs | undefined;
  readonly before: SnapshotNames;
  readonly after: SnapshotNames;
}

/**
 * Parses the arguments of `meshmock diff`.
 *
 * @throws MeshmockError `usage`
 * @example
 * readDiffSettings(['main', '--', 'k8s/']).before; // { kind: 'revision', revision: 'main', paths: ['k8s/'] }
 */
export function readDiffSettings(args: readonly string[]): DiffSettings {
  const end = args.indexOf('--');
  const paths = end === -1 ? undefined : args.slice(end + 1);
  const { values, positionals } = parseOptions(diffSchema, end === -1 ? args : args.slice(0, end), {});
  const entries = pairEntries(values.entry);
  if (entries !== undefined && values.write !== undefined)
    throw new MeshmockError(
      'usage',
      '--write writes cases of a local mesh, and --entry compares running ones: remove one of them',
    );
  return { ...values, entries, ...parseSnapshots(positionals, paths, entries !== undefined) };
}

/**
 * Returns the entries of both meshes: of two with the same name, the first one is that of OLD.
 *
 * @throws MeshmockError `usage` if a name does not have two
 */
function pairEntries(all: Values<typeof diffSchema>['entry']): EntryPairs | undefined {
  if (all.length === 0) return undefined;
  const pairs = [...Map.groupBy(all, ({ name }) => name)].map(([name, [before, after, third]]) => {
    if (before !== undefined && after !== undefined && third === undefined) return { before, after };
    const flag = `--entry ${name === undefined ? '' : `${name}=`}`;
    throw new MeshmockError('usage', `expected ${flag}OLD_URL and ${flag}NEW_URL, one for each mesh`);
  });
  return { before: pairs.map(({ before }) => before), after: pairs.map(({ after }) => after) };
}

function parseFormat(value: string): ReportFormat {
  const found = reportFormats.find((format) => format === value);
  if (found !== undefined) return found;
  throw new MeshmockError('usage', `"${value}": expected one of ${reportFormats.join(', ')}`);
}

function parseSeverities(value: string): readonly Severity[] {
  return value.split(',').map((name) => {
    const found = severities.find((severity) => severity === name);
    if (found !== undefined) return found;
    throw new MeshmockError('usage', `"${name}": expected one of ${severities.join(', ')}`);
  });
}
