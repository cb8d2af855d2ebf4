import type { Verdict } from '../expect/check.ts';

/**
 * Writes expectations as JUnit XML, in the form that CI servers read (testmoapp/junitxml): one test case each.
 *
 * @param problem why nothing could be seen; then each case is an error
 */
export function junitXml(suite: string, verdicts: readonly Verdict[], durationMs: number, problem?: string): string {
  // Without an expectation there is still one: that somebody answers.
  const checked = verdicts.length > 0 ? verdicts : [{ expectation: 'an answer', passed: true, seen: 'an answer' }];
  const failures = checked.filter(({ passed }) => !passed).length;
  const [failed, errors] = problem === undefined ? [failures, 0] : [0, checked.length];
  const time = (durationMs / 1000).toFixed(3);
  const counts = `tests="${checked.length}" failures="${failed}" errors="${errors}" time="${time}"`;
  const cases = checked.map(({ expectation, passed, seen }) => {
    const open = `    <testcase classname="meshmock" name="${escapeXml(expectation)}" time="${time}">`;
    if (problem !== undefined) return `${open}\n      <error message="${escapeXml(problem)}"/>\n    </testcase>`;
    if (passed) return `${open}\n      <system-out>${escapeXml(seen)}</system-out>\n    </testcase>`;
    return `${open}\n      <failure message="${escapeXml(`seen: ${seen}`)}"/>\n    </testcase>`;
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="${escapeXml(suite)}" ${counts}>`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

/** What XML 1.0 cannot hold at all (its section 2.2) is left out. */
function escapeXml(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\n', '&#10;');
}
