import { MeshmockError } from '../../error/meshmock-error.ts';
import { type Regex, wholeRegex } from '../../expect/text-condition.ts';
import type { EnvoyStringMatcher } from './edge-side.ts';

/** Match of a text, as Envoy compares it. */
export type TextMatch =
  | { readonly kind: 'exact' | 'prefix' | 'suffix' | 'contains'; readonly value: string; readonly ignoresCase: boolean }
  /** The whole text matches a regex of RE2. */
  | { readonly kind: 'regex'; readonly source: string }
  /** The path is the value, or continues with a slash. */
  | { readonly kind: 'path_prefix'; readonly value: string; readonly ignoresCase: boolean }
  /** The path has segments as in Envoy's URI templates: `*` is one segment, `**` is any rest. */
  | { readonly kind: 'template'; readonly value: string }
  /** The text is an integer of a range; `end` is not in it. */
  | { readonly kind: 'range'; readonly start: number; readonly end: number }
  /** There is a text. */
  | { readonly kind: 'present' };

/** Parses Envoy's StringMatcher; undefined if it has a kind that is not known. */
export function parseStringMatcher(matcher: EnvoyStringMatcher | undefined): TextMatch | undefined {
  if (matcher === undefined) return undefined;
  const { exact, prefix, suffix, contains, safe_regex: regex, ignore_case: ignoresCase = false } = matcher;
  if (regex !== undefined) return { kind: 'regex', source: regex.regex ?? '' };
  if (prefix !== undefined) return { kind: 'prefix', value: prefix, ignoresCase };
  if (suffix !== undefined) return { kind: 'suffix', value: suffix, ignoresCase };
  if (contains !== undefined) return { kind: 'contains', value: contains, ignoresCase };
  if (exact !== undefined) return { kind: 'exact', value: exact, ignoresCase };
  // Envoy's dump leaves out an exact text that is empty.
  return Object.keys(matcher).every((field) => field === 'ignore_case')
    ? { kind: 'exact', value: '', ignoresCase }
    : undefined;
}

const compiled = new Map<string, Regex | undefined>();

/** Returns the regex of a source; undefined if RE2 does not accept it. */
export function regexOf(source: string): Regex | undefined {
  if (compiled.has(source)) return compiled.get(source);
  const regex = compileRegex(source);
  compiled.set(source, regex);
  return regex;
}

function compileRegex(source: string): Regex | undefined {
  try {
    return wholeRegex(source);
  } catch (error) {
    if (error instanceof MeshmockError) return undefined;
    throw error;
  }
}

/** Reports whether a text satisfies a match. */
export function matchesText(match: TextMatch, text: string): boolean {
  switch (match.kind) {
    case 'exact':
    case 'prefix':
    case 'suffix':
    case 'contains':
    case 'path_prefix':
      return match.ignoresCase
        ? comparesText(match.kind, match.value.toLowerCase(), text.toLowerCase())
        : comparesText(match.kind, match.value, text);
    case 'regex':
      return regexOf(match.source)?.isIn(text) ?? false;
    case 'template':
      return templateRegex(match.value)?.isIn(text) ?? false;
    case 'range':
      return /^-?\d+$/.test(text) && Number(text) >= match.start && Number(text) < match.end;
    case 'present':
      return true;
  }
}

function comparesText(
  kind: 'exact' | 'prefix' | 'suffix' | 'contains' | 'path_prefix',
  value: string,
  text: string,
): boolean {
  switch (kind) {
    case 'exact':
      return text === value;
    case 'prefix':
      return text.startsWith(value);
    case 'suffix':
      return text.endsWith(value);
    case 'contains':
      return text.includes(value);
    case 'path_prefix':
      return text === value || text.startsWith(`${value}/`);
  }
}

function templateRegex(template: string): Regex | undefined {
  const source = template
    .split(/(\*\*|\*|\{[^}]*\})/)
    .map((part) => {
      if (part === '**' || /^\{.*=\*\*\}$/.test(part)) return '[^?#]*';
      return part === '*' || part.startsWith('{') ? '[^/?#]+' : part.replaceAll(/[\\.+*?()[\]{}^$|]/g, '\\$&');
    })
    .join('');
  return regexOf(source);
}

/** Returns a match as people read it, such as `/details/*` or `~v[0-9]+`. */
export function matchText(match: TextMatch): string {
  switch (match.kind) {
    case 'exact':
      return match.value;
    case 'prefix':
      return `${match.value}*`;
    case 'path_prefix':
      return `${match.value}/…`;
    case 'suffix':
      return `*${match.value}`;
    case 'contains':
      return `*${match.value}*`;
    case 'regex':
      return `~${match.source}`;
    case 'template':
      return match.value;
    case 'range':
      return `${match.start}…${match.end - 1}`;
    case 'present':
      return '*';
  }
}
