import { regexSamples } from './regex-samples.ts';
import type { TextMatch } from './text-match.ts';

/** Letter that makes a text longer. */
const more = 'x';

/** Returns texts that satisfy a match or just miss it, those that satisfy it first. Not all of them may be sendable. */
export function textsNear(match: TextMatch): string[] {
  switch (match.kind) {
    case 'exact':
      return [
        match.value,
        ...pathsBelow(match.value),
        `${match.value}${more}`,
        match.value.slice(0, -1),
        otherCase(match.value),
      ];
    case 'prefix':
      return [
        match.value,
        ...pathsBelow(match.value),
        `${match.value}${more}`,
        `${match.value}/${more}`,
        match.value.slice(0, -1),
        otherCase(match.value),
        `${otherCase(match.value)}${more}`,
      ];
    case 'path_prefix':
      return [
        match.value,
        ...pathsBelow(match.value),
        `${match.value}/${more}`,
        `${match.value}${more}`,
        match.value.slice(0, -1),
        otherCase(match.value),
      ];
    case 'suffix':
      return [`${more}${match.value}`, match.value, match.value.slice(1), `${match.value}${more}`];
    case 'contains':
      return [`${more}${match.value}${more}`, match.value, match.value.slice(1)];
    case 'regex':
      return samplesNear(match.source);
    case 'template':
      return templateTexts(match.value);
    case 'range':
      return [match.start, match.end - 1, match.start - 1, match.end].map(String);
    case 'present':
      return ['1'];
  }
}

/** Returns a path below another one that people call, such as `/orders/1`; none for other texts. */
function pathsBelow(text: string): string[] {
  return text.startsWith('/') ? [`${text.replace(/\/$/, '')}/1`] : [];
}

/** Returns a text with its letters in the other case. */
function otherCase(text: string): string {
  return text === text.toLowerCase() ? text.toUpperCase() : text.toLowerCase();
}

function samplesNear(source: string): string[] {
  const samples = regexSamples(source);
  const misses = samples
    .slice(0, 4)
    .flatMap((sample) => [`${sample}${more}`, `${more}${sample}`, sample.slice(0, -1), otherCase(sample)]);
  return [...samples, ...misses];
}

function templateTexts(template: string): string[] {
  const filled = (rest: string): string =>
    template.replaceAll(/\*\*|\{[^}]*=\*\*\}/g, rest).replaceAll(/\*|\{[^}]*\}/g, more);
  return [filled(more), filled(`${more}/${more}`), `${filled(more)}/${more}`, filled(more).slice(0, -2)];
}

/** Number of pairs of texts that are joined. */
const mostJoined = 2000;
/** Samples of a regular expression of which each is joined with other texts. */
const mostSamples = 8;

/** Returns texts that may satisfy two matches at once, such as a prefix and a suffix. */
export function joinedTexts(matches: readonly TextMatch[]): string[] {
  const samplesOf = (match: TextMatch): string[] =>
    match.kind === 'regex' ? regexSamples(match.source).slice(0, mostSamples) : [];
  const beginnings = matches.flatMap((match) =>
    'value' in match && match.kind !== 'suffix' ? [match.value] : samplesOf(match),
  );
  const ends = matches.flatMap((match) =>
    match.kind === 'suffix' || match.kind === 'contains' ? [match.value] : samplesOf(match),
  );
  return beginnings
    .flatMap((beginning) => ends.flatMap((end) => [`${beginning}${end}`, `${beginning}${more}${end}`]))
    .slice(0, mostJoined);
}
