import { conditionAspects, type Probe, type ProbeCondition } from '../probe.ts';

/**
 * Returns texts for the requests that differ, among all requests that were made: the fewest conditions that include
 * these and no others.
 *
 * @param differing probes with the difference
 * @param all probes of the same edge and mode, with those among them
 * @returns `any` if all differ, and `any but X` if only the requests of one kind do not
 * @example
 * requestPatterns([jasonsProbe], [jasonsProbe, plainProbe]); // ['/*  end-user=jason']
 */
export function requestPatterns(differing: readonly Probe[], all: readonly Probe[]): string[] {
  const rest = all.filter((probe) => !differing.includes(probe));
  if (rest.length === 0) return ['any'];
  const patterns = coveringPatterns(differing, rest);
  const isPlain = patterns.length === 1 && patterns.flat().every(({ isSatisfied }) => isSatisfied);
  const [exception, another] = isPlain ? [] : coveringPatterns(rest, differing);
  // "any but X" says more than a list of what requests lack.
  if (exception !== undefined && another === undefined && exception.every(({ isSatisfied }) => isSatisfied))
    return [`any but ${patternText(exception).replace(/^\/\* {2}/, '')}`];
  return [...new Set(patterns.map(patternText))];
}

/** Returns lists of conditions that include some probes, and none of the others. */
function coveringPatterns(some: readonly Probe[], others: readonly Probe[]): ProbeCondition[][] {
  const otherTruths = others.map(truths);
  const patterns: ProbeCondition[][] = [];
  for (const probe of some) {
    if (patterns.some((pattern) => includes(pattern, truths(probe)))) continue;
    patterns.push(fewestConditions(probe, otherTruths));
  }
  return patterns;
}

type Truths = ReadonlyMap<string, boolean>;

function truths({ conditions }: Probe): Truths {
  return new Map(conditions.map((condition) => [condition.text, condition.isSatisfied]));
}

function includes(pattern: readonly ProbeCondition[], truth: Truths): boolean {
  return pattern.every(({ text, isSatisfied }) => truth.get(text) === isSatisfied);
}

/** Returns the conditions of a probe that keep others out, after dropping all that are not needed for this. */
function fewestConditions({ conditions }: Probe, others: readonly Truths[]): ProbeCondition[] {
  let kept = [...new Map(conditions.map((condition) => [condition.text, condition])).values()];
  for (const condition of kept.toSorted((a, b) => worthOf(a) - worthOf(b))) {
    const fewer = kept.filter((one) => one !== condition);
    if (!others.some((other) => includes(fewer, other))) kept = fewer;
  }
  return kept;
}

/** Returns how much a condition helps a reader: what a request has says more than what it lacks. */
function worthOf({ isSatisfied, aspect, text }: ProbeCondition): number {
  const order = conditionAspects.length - conditionAspects.indexOf(aspect);
  return (isSatisfied ? 100 : 0) + order + Math.min(text.length, 50) / 100;
}

/** Returns conditions as one text, such as `POST /details/*  end-user=jason` or `/orders* but /orders`. */
export function patternText(conditions: readonly ProbeCondition[]): string {
  if (conditions.length === 0) return 'any';
  const texts = (aspects: readonly ProbeCondition['aspect'][]): string[] =>
    aspects.flatMap((aspect) =>
      conditions
        .filter((one) => one.aspect === aspect && (one.isSatisfied || isPresence(one)))
        .toSorted((a, b) => Number(b.isSatisfied) - Number(a.isSatisfied))
        .map(({ text, shown = text, isSatisfied }) => (isSatisfied ? shown : `without ${shown}`)),
    );
  const methods = conditions.filter(({ aspect }) => aspect === 'method');
  const method = methods.filter(({ isSatisfied }) => isSatisfied).map(({ text }) => text);
  const missed = methods.filter(({ isSatisfied }) => !isSatisfied).map(({ text }) => text);
  const path = texts(['path']);
  const rest = texts(['authority', 'header', 'query', 'token', 'port', 'other']);
  // "but GET /admin/*" may also mean all but these requests, and so may a method right before "but /admin/*".
  const other = missed.length === 0 ? '' : `with a method other than ${missed.join(', ')}`;
  const line = [...method, ...(path.length === 0 ? ['/*'] : path)].join(' ');
  const exceptions = conditions
    .filter((one) => !one.isSatisfied && one.aspect !== 'method' && !isPresence(one))
    .toSorted((a, b) => conditionAspects.indexOf(a.aspect) - conditionAspects.indexOf(b.aspect))
    .map(({ text, shown = text }) => shown);
  const withRest = (text: string): string => [text, ...(rest.length === 0 ? [] : [rest.join(' ')])].join('  ');
  if (exceptions.length === 0) return withRest([line, other].join(' ').trimEnd());
  return [`${withRest(line)} but ${exceptions.join(' or ')}`, other].filter((text) => text !== '').join(', ');
}

/** Reports whether a condition is about a token or a header that a request has or lacks. */
function isPresence({ text, aspect }: ProbeCondition): boolean {
  return aspect === 'token' || (aspect === 'header' && !/[=~]/.test(text));
}
