import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { Comparison, NotCompared } from '../../../src/diff/comparison.ts';
import { type ReportLine, reportLines } from '../../../src/diff/report/report-lines.ts';

/** Line of a report, with the hosts that its requests call and the names of their callers. */
export interface RecordedLine
  extends Pick<ReportLine, 'severity' | 'kind' | 'edge' | 'requests' | 'from' | 'to' | 'cause'> {
  readonly hosts: readonly string[];
  readonly callers: readonly string[];
}

/** Result of comparing a pair of snapshots. */
export interface PairRecord {
  readonly name: string;
  /** Number of the repetition, from 1. */
  readonly repetition: number;
  readonly seconds: number;
  readonly requests: number;
  readonly lines: readonly RecordedLine[];
  readonly notCompared: readonly NotCompared[];
  /** Message, if the comparison failed. */
  readonly error?: string;
}

/** Returns the parts of a comparison by which it is judged. */
export function recordOf(comparison: Comparison): Pick<PairRecord, 'requests' | 'lines' | 'notCompared'> {
  const lines = reportLines(comparison).map((line): RecordedLine => {
    const { severity, kind, edge, requests, from, to, cause, differences } = line;
    const probes = differences.map(({ probe }) => probe);
    const callers = probes.flatMap(({ speaksFor }) =>
      speaksFor.map((one) =>
        one.kind === 'workload' ? one.name : one.kind === 'gateway' ? `${one.gateway} ${one.scheme}` : one.kind,
      ),
    );
    const hosts = probes.map(({ destination }) => destination.host);
    return { severity, kind, edge, requests, from, to, cause, hosts: unique(hosts), callers: unique(callers) };
  });
  return { requests: comparison.counts.requests, lines, notCompared: comparison.notCompared };
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)].toSorted();
}

/** Results in a file, by which a run that was interrupted goes on. Without a file they are in memory only. */
export class Records {
  private readonly file: string | undefined;
  private readonly known = new Map<string, PairRecord>();

  constructor(file: string | undefined) {
    this.file = file;
    if (file === undefined || !existsSync(file)) return;
    for (const text of readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
      const one = JSON.parse(text) as PairRecord;
      this.known.set(keyOf(one), one);
    }
  }

  get(name: string, repetition: number): PairRecord | undefined {
    return this.known.get(keyOf({ name, repetition }));
  }

  add(one: PairRecord): void {
    this.known.set(keyOf(one), one);
    if (this.file !== undefined) appendFileSync(this.file, `${JSON.stringify(one)}\n`);
  }
}

function keyOf({ name, repetition }: Pick<PairRecord, 'name' | 'repetition'>): string {
  return `${repetition} ${name}`;
}
