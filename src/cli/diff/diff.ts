import type { Comparison } from '../../diff/comparison.ts';
import { compareSnapshots } from '../../diff/engine/compare-snapshots.ts';
import { compareLive } from '../../diff/live/compare-live.ts';
import { exitCodeOf as verdictOf } from '../../diff/report/data-reports.ts';
import { reportLines } from '../../diff/report/report-lines.ts';
import { exitCodeOf } from '../../error/exit-codes.ts';
import { checkMachine } from '../../istio/tools/check-machine.ts';

import { checkNamedSources, checkNewFile } from '../files/new-file.ts';
import type { Command } from '../options/command.ts';
import type { HelpText } from '../options/help.ts';
import { endWithNpx } from '../process/end-signals.ts';
import { type DiffSettings, diffSchema, readDiffSettings } from './diff-options.ts';
import { reportText } from './diff-report.ts';
import { readSources } from './read-snapshots.ts';
import { runSnapshots } from './snapshot-run.ts';
import { caseWriter, type SnapshotSources, writeCaseFile } from './written-cases.ts';

const help: HelpText = {
  usage: [
    'diff [OPTIONS] OLD NEW',
    'diff [OPTIONS] REVISION [REVISION] -- PATH…',
    'diff --entry OLD_URL --entry NEW_URL [OPTIONS] MANIFESTS',
  ],
  summary: 'Compares the behaviour of a mesh with two sets of manifests.',
  about: [
    'A local mesh starts with OLD, and turns into NEW: a real istiod, real sidecars, and a mock in place of each image. The configuration of all proxies is compared, and requests are sent on both sides where it differs. OLD and NEW are files, folders, kustomizations or revisions of Git.',
    'With --entry, the requests are sent to two running meshes, through a meshmock in each. The manifests, which may be one set or OLD and NEW, say which requests.',
  ],
  schema: diffSchema,
  examples: [
    'meshmock diff old/ new/',
    'meshmock diff main -- k8s/',
    'meshmock diff v1.0..v1.1 --format markdown -- k8s/',
    'meshmock diff --entry localhost:8080 --entry localhost:9080 k8s/',
  ],
  notes: [
    'Exit code: 0 if the behaviour is the same; 1 if it differs, with --fail-on only for these severities; 2 if a manifest or the command is wrong, if this machine cannot run a mesh, if an entry does not answer, or if the run was interrupted.',
  ],
};

export const diffCommand: Command = { help, operands: { arePaths: true }, run: diff };

/**
 * Compares two snapshots, prints the report, and sets the exit code.
 *
 * @throws MeshmockError `usage` when a manifest or the command is wrong, `machine` when this machine cannot run a local mesh
 * @example
 * await diff(['old/', 'new/']);
 */
export async function diff(args: readonly string[]): Promise<void> {
  const settings = readDiffSettings(args);
  checkNewFile(settings.write, settings);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  endWithNpx();
  try {
    // Errors in files are reported before a mesh starts, because the start takes seconds.
    const { before, after } = await readSources(settings, stop.signal);
    checkNamedSources(settings.write, [...before, ...after]);
    checkMachine();
    const comparison = await compare(settings, { before, after }, stop.signal);
    process.exitCode = report(comparison, settings, { before, after });
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.exitCode = exitCodeOf.unavailable;
  }
}

/**
 * Prints the report and the times of the phases, and writes the file of cases.
 *
 * @returns the exit code
 */
function report(comparison: Comparison, settings: DiffSettings, sources: SnapshotSources): number {
  process.stdout.write(reportText(comparison, settings, caseWriter(comparison, settings, sources)));
  for (const { name, durationMs } of comparison.phases)
    process.stderr.write(`meshmock: ${(durationMs / 1000).toFixed(1).padStart(5)} s  ${name}\n`);
  const notes = settings.write === undefined ? [] : writeCaseFile(settings.write, comparison, settings, sources);
  for (const note of notes) process.stderr.write(`meshmock: ${note}\n`);
  return verdictOf(reportLines(comparison), settings.failOn ?? []);
}

function compare(
  { namespace, all, entries, ...settings }: DiffSettings,
  sources: SnapshotSources,
  signal: AbortSignal,
): Promise<Comparison> {
  return runSnapshots(namespace, settings, signal, (run) =>
    entries === undefined
      ? compareSnapshots({ ...run, ...sources, all }, signal)
      : compareLive({ ...run, ...sources, entries }, signal),
  );
}
