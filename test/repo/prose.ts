/** Counts odd turns of phrase in comments and in Markdown. A low count does not make a text good: people must read it. */

/** Part of a file: a comment, or a whole page. */
export interface Prose {
  readonly file: string;
  /** Line of the file where the text begins, from 1. */
  readonly line: number;
  readonly text: string;
}

/** Odd turn of phrase at a place. */
export interface OddTurn {
  readonly file: string;
  readonly line: number;
  readonly name: string;
  /** Words around the turn. */
  readonly excerpt: string;
}

/** Turns of phrase that readers stumble over, by name. */
const oddTurns: Readonly<Record<string, RegExp>> = {
  'behind (= after)': /\bbehind\b/gi,
  'is no X': /\b(?:is|are|be|was) no (?!longer)\w+/gi,
  'so many/much/long': /\bso (?:many|much|long|often)\b(?! as)/gi,
  'told/tells': /\b(?:told|tells?)\b/gi,
  stands: /\bstands?\b/gi,
  'whoever/whom/nobody': /\b(?:whoever|whom|who asks|somebody|nobody|anybody)\b/gi,
  'comes to/came of': /\b(?:c(?:o|a)mes? (?:to|of)|became of)\b/gi,
  'is to (= must)': /\b(?:is|are|was|were) to (?!be seen)\w+/gi,
  'by itself/of its own': /\b(?:by itself|by themselves|of its own|of their own)\b/gi,
  'there are … there': /\b(?:that|if|what) there (?:is|are)\b/gi,
  'all else/what else': /\b(?:all|what) else\b/gi,
  'opens with a fragment': /^\W*(?:What|Whether|Of|As much as|Where|Who)\b/gm,
};

const excerptMargin = 30;

/** Returns the odd turns in texts, and the number of turns per 1,000 words. */
export function countOddTurns(texts: readonly Prose[]): { readonly turns: readonly OddTurn[]; readonly rate: number } {
  const words = texts.reduce((sum, { text }) => sum + (text.match(/[A-Za-z']+/g)?.length ?? 0), 0);
  const turns = texts.flatMap((prose) =>
    Object.entries(oddTurns).flatMap(([name, pattern]) =>
      [...prose.text.matchAll(pattern)].map((match) => oddTurn(prose, name, match)),
    ),
  );
  return { turns, rate: (1000 * turns.length) / Math.max(1, words) };
}

function oddTurn({ file, line, text }: Prose, name: string, match: RegExpExecArray): OddTurn {
  const offset = match.index + match[0].search(/\w/);
  const end = match.index + match[0].length;
  const excerpt = text.slice(Math.max(0, offset - excerptMargin), end + excerptMargin);
  return {
    file,
    line: line + lineBreaks(text.slice(0, offset)),
    name,
    excerpt: excerpt.replaceAll(/[\s*]+/g, ' ').trim(),
  };
}

function lineBreaks(text: string): number {
  return text.split('\n').length - 1;
}

/** Formats odd turns as lines such as `FILE:LINE: NAME: …EXCERPT…`. */
export function turnLines(turns: readonly OddTurn[]): string {
  return turns.map(({ file, line, name, excerpt }) => `${file}:${line}: ${name}: …${excerpt}…`).join('\n');
}

/** Returns the comments of TypeScript source. Consecutive lines with `//` are one comment. */
export function commentsOf(file: string, source: string): Prose[] {
  const comments = source.matchAll(/\/\*\*[\s\S]*?\*\/|(?<=^|\s)\/\/ [^\n]*(?:\n[ \t]*\/\/ [^\n]*)*/g);
  return [...comments].map((match) => ({
    file,
    line: 1 + lineBreaks(source.slice(0, match.index)),
    text: match[0].replaceAll(/^[ \t]*\/\/ |^\/\*\*[ ]?|[ ]?\*\/$/gm, ''),
  }));
}

/** Returns the text of a Markdown page. Code counts as one word, or as none in a block; lines keep their numbers. */
export function pageOf(file: string, markdown: string): Prose {
  const blank = (block: string): string => block.replaceAll(/[^\n]/g, '');
  const text = markdown
    .replaceAll(/^```[\s\S]*?^```/gm, blank)
    .replaceAll(/<!--[\s\S]*?-->/g, blank)
    .replaceAll(/`[^`\n]*(?:\n[^`\n]+)?`/g, (code) => `CODE${blank(code)}`);
  return { file, line: 1, text };
}

const fragmentWords =
  'What|Whatever|Whether|Of|As|How|Where|Who|Whoever|Whom|Whose|Why|When|That|Those|By|For|From|With|Because|Since';

/** Returns the docstrings of TypeScript source that open with a fragment instead of a verb or a noun. */
export function fragmentsIn(file: string, source: string): OddTurn[] {
  const opening = new RegExp(`^\\W*(?:${fragmentWords})\\b`);
  return commentsOf(file, source)
    .filter(({ line, text }) => opening.test(text) && source.split('\n')[line - 1]?.includes('/**'))
    .map(({ line, text }) => ({
      file,
      line,
      name: 'docstring opens with a fragment',
      excerpt: text
        .replaceAll(/[\s*]+/g, ' ')
        .trim()
        .slice(0, 2 * excerptMargin),
    }));
}
