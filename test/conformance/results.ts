/** Result of one test of the conformance suite. */
export interface TestResult {
  readonly name: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly seconds: number;
  /** Names of the failed parts of the test, below its own name. */
  readonly failedParts: readonly string[];
}

const outcomes = { PASS: 'passed', FAIL: 'failed', SKIP: 'skipped' } as const;

/**
 * Returns the results of the tests of the suite, from the output of `go test -v`, in their order.
 *
 * @example resultsOf('    --- PASS: TestConformance/MeshBasic (1.25s)') // [{ name: 'MeshBasic', outcome: 'passed', … }]
 */
export function resultsOf(output: string): TestResult[] {
  const lines = [...output.matchAll(/^ *--- (PASS|FAIL|SKIP): TestConformance\/(\S+) \(([\d.]+)s\)$/gm)].map(
    ([, outcome, path = '', seconds]) => ({
      name: path.split('/')[0] ?? '',
      part: path.split('/').slice(1).join('/'),
      outcome: outcomes[outcome as keyof typeof outcomes],
      seconds: Number(seconds),
    }),
  );
  // A part is not reported if a part of it is.
  const isLeaf = ({ name, part }: { readonly name: string; readonly part: string }): boolean =>
    !lines.some((other) => other.name === name && other.outcome === 'failed' && other.part.startsWith(`${part}/`));
  return lines
    .filter(({ part }) => part === '')
    .map(({ name, outcome, seconds }) => ({
      name,
      outcome,
      seconds,
      failedParts: lines
        .filter((line) => line.name === name && line.part !== '' && line.outcome === 'failed' && isLeaf(line))
        .map(({ part }) => part),
    }));
}
