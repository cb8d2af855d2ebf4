import type { Measured, Row } from './result.ts';

/** Measure that a plot shows, with a bar for each row. */
interface Measure {
  readonly title: string;
  of(row: Row): number;
  digits: number;
}

const measures: readonly Measure[] = [
  { title: 'requests per second (longer is better)', of: ({ rate }) => rate, digits: 0 },
  { title: 'CPU time per request, all services, µs (shorter is better)', of: ({ cpuUs }) => cpuUs, digits: 0 },
  { title: '99th percentile, ms (shorter is better)', of: ({ p99Ms }) => p99Ms, digits: 1 },
  {
    title: 'private memory, all services, MB (shorter is better)',
    of: ({ privateMegabytes }) => privateMegabytes,
    digits: 0,
  },
];

const layout = { width: 860, left: 230, right: 70, bar: 14, line: 20, head: 26, gap: 14 };
/** Fills of our rows and of others. They are readable on white and on black. */
const fills = { ours: '#2f6fde', others: '#9a9a9a' };

/**
 * Returns bars of all measures of some scenarios, as SVG.
 *
 * @example writeFileSync('plot.svg', plotOf(result.results))
 */
export function plotOf(scenarios: readonly Measured[]): string {
  const parts: string[] = [];
  let y = layout.gap;
  for (const { title, rows } of scenarios) {
    parts.push(text(8, y + 14, title, 'font-weight="bold" font-size="14"'));
    y += layout.head;
    for (const measure of measures) {
      const { svg, height } = barsOf(measure, rows, y);
      parts.push(svg);
      y += height + layout.gap;
    }
  }
  const { width } = layout;
  // Browsers that show the file in a page do not pass on the colours of the page.
  const open = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" width="${width}" height="${y}" font-family="sans-serif" font-size="12">`;
  const name = `<title>${escaped(scenarios.map(({ title }) => title).join('; '))}</title>`;
  return `${[open, name, `<rect width="${width}" height="${y}" fill="#fff"/>`, ...parts, '</svg>'].join('\n')}\n`;
}

function barsOf({ title, of, digits }: Measure, rows: readonly Row[], y: number): { svg: string; height: number } {
  const most = Math.max(...rows.map(of));
  const { width, left, right, bar, line } = layout;
  const bars = rows.map((row, index) => {
    const top = y + line * (index + 1);
    const length = Math.round((of(row) / most) * (width - left - right));
    const fill = row.name.startsWith('meshmock') ? fills.ours : fills.others;
    return [
      text(left - 8, top + 11, row.name, 'text-anchor="end"'),
      `<rect x="${left}" y="${top}" width="${length}" height="${bar}" fill="${fill}"/>`,
      text(left + length + 6, top + 11, of(row).toFixed(digits), ''),
    ].join('\n');
  });
  return { svg: [text(left, y + 12, title, 'fill="#555"'), ...bars].join('\n'), height: line * (rows.length + 1) };
}

function text(x: number, y: number, value: string, attributes: string): string {
  return `<text x="${x}" y="${y}" ${attributes}>${escaped(value)}</text>`;
}

function escaped(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
