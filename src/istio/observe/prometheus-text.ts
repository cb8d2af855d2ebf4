/** Value of a metric for one set of labels: a line of Prometheus' text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * Parses the samples of Prometheus' text format. Comments and lines that are not samples are skipped.
 *
 * @param isWanted selects metrics by name. The labels of other metrics are not parsed, because proxies have many.
 * @example [...parseSamples('requests_total{code="200"} 3')] // [{ name: 'requests_total', labels: { code: '200' }, value: 3 }]
 */
export function* parseSamples(text: string, isWanted: (name: string) => boolean = () => true): Generator<Sample> {
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline === -1 ? text.length : newline;
    const name = nameAt(text, start);
    if (name !== '' && isWanted(name)) {
      const sample = parseSample(name, text.slice(start + name.length, end));
      if (sample !== undefined) yield sample;
    }
    start = end + 1;
  }
}

const namePattern = /[a-zA-Z_:][\w:]*/y;

function nameAt(text: string, start: number): string {
  namePattern.lastIndex = start;
  return namePattern.exec(text)?.[0] ?? '';
}

const labelPattern = /\s*([a-zA-Z_]\w*)\s*=\s*"([^"\\]*(?:\\.[^"\\]*)*)"\s*,?/y;

/** Parses the part of a line that follows the metric's name. */
function parseSample(name: string, rest: string): Sample | undefined {
  const labels: Record<string, string> = {};
  let end = 0;
  if (rest.startsWith('{')) {
    labelPattern.lastIndex = end = 1;
    for (let match = labelPattern.exec(rest); match !== null; match = labelPattern.exec(rest)) {
      const [, label = '', value = ''] = match;
      labels[label] = value.includes('\\') ? unescapeValue(value) : value;
      end = labelPattern.lastIndex;
    }
    end = rest.indexOf('}', end) + 1;
    if (end === 0) return undefined;
  }
  const [number] = rest.slice(end).trim().split(/\s+/, 1);
  const value = parseValue(number ?? '');
  return value === undefined ? undefined : { name, labels, value };
}

function parseValue(text: string): number | undefined {
  switch (text) {
    case '':
      return undefined;
    case '+Inf':
      return Number.POSITIVE_INFINITY;
    case '-Inf':
      return Number.NEGATIVE_INFINITY;
    case 'NaN':
      return Number.NaN;
    default: {
      const value = Number(text);
      return Number.isNaN(value) ? undefined : value;
    }
  }
}

function unescapeValue(value: string): string {
  return value.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
}

/**
 * Formats labels as they appear between the braces of Prometheus' text format.
 *
 * @example formatLabels({ code: '200', path: 'a"b' }) // 'code="200",path="a\\"b"'
 */
export function formatLabels(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeValue(value)}"`)
    .join(',');
}

function escapeValue(value: string): string {
  return value.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`));
}
