import randexp from 'randexp';
import { regexOf } from './text-match.ts';

/** The module is the class itself, while its types declare a property `default`. */
const RandExp = randexp as unknown as typeof randexp.default;
type RandExp = InstanceType<typeof RandExp>;

/** Number of samples of a regex that are tried. */
const tries = 40;

/** Maximum number of repetitions in a sample, beyond those that the regex demands. */
const mostRepetitions = 3;

/** Classes of RE2 that JavaScript does not have. */
const posixClasses: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  digit: '0-9',
  lower: 'a-z',
  upper: 'A-Z',
  word: '\\w',
  xdigit: '0-9A-Fa-f',
};

/**
 * Returns texts that a whole regex matches, the simplest first, always the same for the same regex. Each was checked
 * against RE2's reading.
 *
 * @example
 * regexSamples('v[12]')[0]; // 'v1'
 */
export function regexSamples(source: string): readonly string[] {
  const known = madeSamples.get(source);
  if (known !== undefined) return known;
  const samples = makeSamples(source);
  madeSamples.set(source, samples);
  return samples;
}

/** Samples of the regexes of this process: the sides of all edges of a mesh have the same ones. */
const madeSamples = new Map<string, readonly string[]>();

function makeSamples(source: string): string[] {
  const regex = regexOf(source);
  const generator = regex === undefined ? undefined : generatorOf(source);
  if (regex === undefined || generator === undefined) return [];
  generator.max = mostRepetitions;
  generator.defaultRange.subtract(0, 126);
  for (const [from, to] of [
    ['a', 'z'],
    ['0', '9'],
    ['A', 'Z'],
    ['-', '-'],
  ] as const)
    generator.defaultRange.add(from.charCodeAt(0), to.charCodeAt(0));
  const samples = Array.from({ length: tries }, (_, index) => {
    generator.randInt = choicesOf(index);
    return generator.gen();
  });
  return [...new Set(samples)].filter((text) => regex.isIn(text)).toSorted((a, b) => a.length - b.length);
}

function generatorOf(source: string): RandExp | undefined {
  const flags = /^\(\?([a-z]+)\)/.exec(source)?.[1] ?? '';
  const translated = source
    .replace(/^\(\?[a-z]+\)/, '')
    .replaceAll('(?P<', '(?<')
    .replaceAll(/\(\?[a-z]+:/g, '(?:')
    .replaceAll('\\A', '^')
    .replaceAll('\\z', '$')
    .replaceAll(/\[:(\w+):\]/g, (_, name: string) => posixClasses[name] ?? '');
  try {
    return new RandExp(new RegExp(translated, flags.includes('i') ? 'i' : ''));
  } catch {
    // What JavaScript does not read has no samples, and the caller says so.
    return undefined;
  }
}

/** Returns choices for one sample: the first of everything, the last, then mixed ones. */
function choicesOf(index: number): (from: number, to: number) => number {
  if (index === 0) return (from) => from;
  if (index === 1) return (_, to) => to;
  let state = index;
  return (from, to) => {
    // Numerical Recipes' generator: any sequence will do, as long as it is always the same.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return from + Math.floor((state / 2 ** 32) * (to - from + 1));
  };
}
