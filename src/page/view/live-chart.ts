import { element, svg } from '../dom/elements.ts';
import { keptRuns, type LiveSeries, seriesWords } from '../model/live-series.ts';

const slot = 8;
const height = 34;

/**
 * Draws each call over the runs: the height is the time, the colour the version, and a red mark from top to bottom is a
 * failure. Words beside it say the same.
 */
export function liveChart(series: readonly LiveSeries[]): HTMLElement {
  const versions = [...new Set(series.flatMap(({ points }) => points.map((point) => point?.version ?? '')))].filter(
    (version) => version !== '',
  );
  const rows = series.map((one) =>
    element(
      'li',
      {},
      element('span', { class: 'name foreign' }, one.name),
      strip(one, versions),
      element('span', { class: 'notes foreign' }, seriesWords(one)),
    ),
  );
  return element('div', { class: 'live' }, element('ul', {}, ...rows), legend(versions));
}

function strip({ points }: LiveSeries, versions: readonly string[]): SVGElement {
  const slowest = Math.max(1, ...points.map((point) => point?.durationMs ?? 0));
  const first = keptRuns - points.length;
  const marks = points.flatMap((point, index) => {
    if (point === undefined) return [];
    const x = (first + index) * slot;
    const isBad = point.tone !== 'good';
    const tall = Math.max(3, (point.durationMs / slowest) * (height - 4));
    const bar = svg('rect', {
      class: seriesClass(point.version, versions),
      x: x + 1,
      y: height - tall,
      width: slot - 2,
      height: tall,
    });
    const mark = svg('rect', { class: `mark ${point.tone}`, x: x + slot / 2 - 1, y: 0, width: 2.5, height });
    return isBad ? [bar, mark] : [bar];
  });
  const width = keptRuns * slot;
  return svg(
    'svg',
    { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    svg('rect', { class: 'track', width, height }),
    ...marks,
  );
}

function seriesClass(version: string, versions: readonly string[]): string {
  const index = versions.indexOf(version);
  return `series-${index < 0 ? 4 : index % 6}`;
}

function legend(versions: readonly string[]): HTMLElement {
  const keys = versions.map((version) =>
    element(
      'span',
      { class: 'key foreign' },
      svg(
        'svg',
        { viewBox: '0 0 10 10', 'aria-hidden': 'true' },
        svg('rect', { class: seriesClass(version, versions), width: 10, height: 10 }),
      ),
      version,
    ),
  );
  return element(
    'p',
    { class: 'legend' },
    'Height is time, each row on its own scale. ',
    ...keys,
    ' A line from top to bottom is a failure, or some of them.',
  );
}
