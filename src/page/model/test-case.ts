import { allRows, type CallRow } from './call-rows.ts';

/** Number of services about which a case has expectations. */
const mostServices = 20;

/**
 * Writes a case of `meshmock test` that expects what a run showed: the statuses of each service, and its refusals. Texts
 * are quoted as in JSON, which YAML reads too.
 *
 * @example
 * testCase('/@reviews/x', callRows(reply)); // 'cases:\n  - name: "/@reviews/x gets what it got"\n…'
 */
export function testCase(path: string, root: CallRow): string {
  const lines = [
    'cases:',
    `  - name: ${JSON.stringify(`${path.slice(0, 80)} is answered as before`)}`,
    `    from: ${JSON.stringify(root.reply?.service ?? '')}`,
    `    call: ${JSON.stringify(path)}`,
    '    expect:',
    ...expectations(root).map((text) => `      - ${JSON.stringify(text)}`),
  ];
  return `${lines.join('\n')}\n`;
}

function expectations(root: CallRow): string[] {
  const calls = allRows(root).slice(1);
  const byService = Map.groupBy(calls, serviceOf);
  if (byService.size === 0) return [`status = ${root.outcome}`];
  return [...byService].slice(0, mostServices).flatMap(([service, rows]) => {
    const outcomes = new Set(rows.flatMap(outcomesOf));
    const refusals = new Set(rows.flatMap(({ call }) => call?.mesh?.refusal?.reason ?? []));
    return [
      `${service} status = ${[...outcomes].sort().join('|')}`,
      ...(refusals.size === 0 ? [] : [`${service} refusal = ${[...refusals].sort().join('|')}`]),
    ];
  });
}

function serviceOf({ call, reply }: CallRow): string {
  return reply?.service ?? call?.target.replace(/:\d+$/, '') ?? '';
}

function outcomesOf({ call, outcome }: CallRow): string[] {
  return call?.summary?.byStatus === undefined ? [outcome] : Object.keys(call.summary.byStatus);
}
