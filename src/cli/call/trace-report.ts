import type { ExpectationVerdict } from '../../expect/expectation-check.ts';
import type { TraceVerdict } from '../../trace/compare.ts';
import { findingText } from '../../trace/finding.ts';

/** Maximum number of findings that are shown; the others are counted. */
const mostShownFindings = 10;

/** Verdict on traces, in the form of an expectation. */
export interface TracesVerdict extends ExpectationVerdict {
  /** Problems, one line each. */
  readonly problems: readonly string[];
}

/** Returns the verdict on the traces of all requests of a batch. */
export function verdictOfTraces(traces: readonly TraceVerdict[], url: string): TracesVerdict {
  const [only] = traces.length === 1 ? traces : [];
  const findings = traces.flatMap((trace) =>
    trace.findings.map((finding) => (only === undefined ? `${trace.traceId} ` : '') + findingText(finding)),
  );
  const whole = traces.filter((trace) => trace.findings.length === 0).length;
  const calls = traces.reduce((sum, trace) => sum + trace.calls, 0);
  const seen = [
    ...(only === undefined ? [`${whole} of ${traces.length} whole`] : []),
    spansText(traces),
    ...(findings.length === 0 ? [`${countOf(calls, 'call')}, each once, parents and statuses right`] : []),
  ];
  const id = only?.traceId === '' ? '' : ` ${only?.traceId}`;
  return {
    expectation: only === undefined ? `${traces.length} traces in ${url} are whole` : `trace${id} in ${url} is whole`,
    passed: findings.length === 0,
    seen: seen.join('; '),
    problems: [
      ...findings.slice(0, mostShownFindings),
      ...(findings.length > mostShownFindings ? [`and ${findings.length - mostShownFindings} more`] : []),
    ],
  };
}

/** Returns the verdict as an expectation, with one text for the observed facts. */
export function asExpectation({ expectation, passed, seen, problems }: TracesVerdict): ExpectationVerdict {
  return { expectation, passed, seen: [seen, ...problems].join('; ') };
}

function spansText(traces: readonly TraceVerdict[]): string {
  const spans = traces.reduce((sum, trace) => sum + trace.spans, 0);
  if (spans === 0) return 'no span';
  const names = (pick: (trace: TraceVerdict) => readonly string[]): string[] =>
    [...new Set(traces.flatMap(pick))].sort();
  const [services, sidecars, proxies, foreign] = [
    names((trace) => trace.services),
    names((trace) => trace.sidecars),
    names((trace) => trace.proxies),
    names((trace) => trace.foreign),
  ] as const;
  return [
    `${countOf(spans, 'span')} of ${countOf(services.length, 'service')}`,
    sidecars.length === 0 ? 'no sidecars' : `sidecars of ${sidecars.join(', ')}`,
    ...(proxies.length === 0 ? [] : [`proxies ${proxies.join(', ')}`]),
    ...(foreign.length === 0 ? [] : [`spans of others by ${foreign.join(', ')}`]),
  ].join(', ');
}

function countOf(count: number, noun: string): string {
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`;
}
