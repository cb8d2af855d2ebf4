import { calleeDirectives } from '../callee-directives.ts';
import type { Comparison, NotCompared } from '../comparison.ts';
import type { Difference } from '../difference.ts';
import type { Observation } from '../observation.ts';
import type { Probe } from '../probe.ts';
import { expectationsOf } from './case-expectations.ts';
import { type CaseSettings, requestFields, requestTitle } from './case-request.ts';
import { formatCases, type WrittenCase, withUniqueNames } from './case-values.ts';

/** Settings of a file of cases. */
export interface WriteSettings extends CaseSettings {
  /** Files and folders of the snapshot before the change, as the file of cases names them. */
  readonly manifests: readonly string[];
  /** File with the mesh configuration of Istio. */
  readonly meshConfig?: string;
  /** True if the mesh adds workloads that the manifests do not have. */
  readonly needsFill: boolean;
  /** Files and folders of the change; empty for cases of one snapshot. */
  readonly apply: readonly string[];
  /** True to write everything that was seen, and false for the differences only. */
  readonly isEverything: boolean;
}

/** A file of cases, and what has no case. */
export interface WrittenText {
  readonly text: string;
  readonly count: number;
  readonly notWritten: readonly NotCompared[];
}

/** Time for one answer beyond the delay of a callee, in milliseconds. */
const answerMs = 10_000;

/**
 * Writes the differences of a comparison as cases: `before` holds without the change, `cases` with it, and `always` has
 * what is the same on both sides.
 */
export function writeCases(comparison: Comparison, settings: WriteSettings): WrittenText {
  const lists = new CaseLists(settings);
  const differing = new Map<string, Difference[]>();
  for (const difference of comparison.differences) {
    const { id } = difference.probe;
    differing.set(id, [...(differing.get(id) ?? []), difference]);
  }
  for (const probe of comparison.probes) {
    const seen = comparison.observations.get(probe.id);
    const differences = differing.get(probe.id);
    if (seen === undefined) continue;
    if (differences !== undefined) lists.addChange(probe, seen, differences);
    else if (settings.isEverything) lists.addEqual(probe, seen.after);
  }
  return lists.format(settings.apply.length > 0);
}

/** Writes everything that was seen of one snapshot as cases. */
export function writeSnapshotCases(
  probes: readonly Probe[],
  observations: ReadonlyMap<string, Observation>,
  settings: WriteSettings,
): WrittenText {
  const lists = new CaseLists(settings);
  for (const probe of probes) {
    const seen = observations.get(probe.id);
    if (seen !== undefined) lists.addEqual(probe, seen);
  }
  return lists.format(false);
}

/** Returns the case that holds after a change; undefined if it cannot be written. */
export function caseOfDifference(
  difference: Difference,
  comparison: Comparison,
  settings: CaseSettings,
): string | undefined {
  const { probe } = difference;
  const seen = comparison.observations.get(probe.id);
  if (seen === undefined) return undefined;
  const own = comparison.differences.filter((one) => one.probe.id === probe.id);
  const written = writtenCase(probe, seen.after, seen.before, own, settings);
  return written.kind === 'case' ? formatCases(written.case) : undefined;
}

type MaybeCase =
  | { readonly kind: 'case'; readonly case: WrittenCase }
  | { readonly kind: 'none'; readonly reason: string };

function writtenCase(
  probe: Probe,
  seen: Observation,
  other: Observation | undefined,
  differences: readonly Difference[],
  settings: CaseSettings,
): MaybeCase {
  const request = requestFields(probe, settings);
  if (request.kind === 'none') return request;
  const expected = expectationsOf(probe, seen, other, differences);
  if (expected.kind === 'none') return expected;
  const { mode } = probe;
  // A case cannot make one pod of several follow directives.
  const directives = mode.kind === 'ejection' ? undefined : calleeDirectives(probe);
  const service = givenName(probe, [seen, other], settings.namespace);
  return {
    kind: 'case',
    case: {
      name: `${callerTitle(probe)}${requestTitle(probe, settings.secrets)}: ${shortText(expected.expect)}`,
      ...request.fields,
      ...(directives === undefined ? {} : { given: { [service]: directives } }),
      ...(expected.repeat === 1 ? {} : { repeat: expected.repeat, concurrency: 8 }),
      ...(mode.kind === 'slow' || mode.kind === 'burst'
        ? { timeout: `${Math.ceil((mode.delayMs + answerMs) / 1000)}s` }
        : {}),
      expect: expected.expect.length === 1 ? expected.expect[0] : expected.expect,
    },
  };
}

/** Returns the name of the Service that answered, or else was called: `reviews`, or `reviews.shop` of another namespace. */
function givenName(
  { destination: { host } }: Probe,
  seen: readonly (Observation | undefined)[],
  ownNamespace: string,
): string {
  const answers = seen.flatMap((one) => one?.outcomes.map(({ answer }) => answer) ?? []);
  const answered = answers.find(({ kind }) => kind === 'service');
  const [called = '', calledIn] = host.split('.');
  const service = answered?.kind === 'service' ? answered.service : called;
  const namespace = (answered?.kind === 'service' ? answered.namespace : calledIn) ?? ownNamespace;
  return namespace === ownNamespace ? service : `${service}.${namespace}`;
}

function callerTitle({ caller }: Probe): string {
  switch (caller.kind) {
    case 'workload':
      return `${caller.name}: `;
    case 'outside':
      return 'outside: ';
    case 'gateway':
      return '';
  }
}

/** Returns the expectations in a few words, without the name of the service. */
function shortText(expect: readonly string[]): string {
  return expect
    .map((text) =>
      text.replace(
        /^.*?(?=\b(?:status|refusal|service|version|attempt|location|answer-body|uri|method|host|mtls|peer|header|answer-header|latency)\b)/,
        '',
      ),
    )
    .join(', ');
}

class CaseLists {
  private readonly settings: WriteSettings;
  private readonly before: WrittenCase[] = [];
  private readonly cases: WrittenCase[] = [];
  private readonly always: WrittenCase[] = [];
  private readonly notWritten: NotCompared[] = [];

  constructor(settings: WriteSettings) {
    this.settings = settings;
  }

  addChange(
    probe: Probe,
    { before, after }: { readonly before: Observation; readonly after: Observation },
    differences: readonly Difference[],
  ): void {
    const old = writtenCase(probe, before, after, differences, this.settings);
    const changed = writtenCase(probe, after, before, differences, this.settings);
    const isSame =
      old.kind === 'case' && changed.kind === 'case' && JSON.stringify(old.case) === JSON.stringify(changed.case);
    if (isSame) {
      this.skip(probe, 'the expectations of both sides are the same');
      return;
    }
    this.add(this.before, probe, old);
    this.add(this.cases, probe, changed);
  }

  addEqual(probe: Probe, seen: Observation): void {
    this.add(this.always, probe, writtenCase(probe, seen, undefined, [], this.settings));
  }

  private add(list: WrittenCase[], probe: Probe, written: MaybeCase): void {
    if (written.kind === 'case') list.push(written.case);
    else this.skip(probe, written.reason);
  }

  private skip(probe: Probe, reason: string): void {
    this.notWritten.push({ subject: `${callerTitle(probe)}${requestTitle(probe, this.settings.secrets)}`, reason });
  }

  format(hasChange: boolean): WrittenText {
    const { manifests, meshConfig, namespace, needsFill, apply } = this.settings;
    const names = new Set<string>();
    const unique = (list: readonly WrittenCase[]): WrittenCase[] => withUniqueNames(list, names);
    const cases = unique(hasChange ? this.cases : [...this.cases, ...this.always]);
    const before = hasChange ? unique(this.before) : [];
    const always = hasChange ? unique(this.always) : [];
    const text = formatCases({
      manifests,
      ...(meshConfig === undefined ? {} : { meshConfig }),
      ...(namespace === 'default' ? {} : { namespace }),
      ...(needsFill ? { fill: true } : {}),
      ...(before.length === 0 ? {} : { before }),
      ...(hasChange ? { apply } : {}),
      ...(cases.length > 0 || always.length === 0 ? { cases } : {}),
      ...(always.length === 0 ? {} : { always }),
    });
    const count = before.length + cases.length + always.length;
    return { text, count, notWritten: uniqueEntries(this.notWritten) };
  }
}

function uniqueEntries(entries: readonly NotCompared[]): NotCompared[] {
  return [...new Map(entries.map((entry) => [`${entry.subject}: ${entry.reason}`, entry])).values()];
}
