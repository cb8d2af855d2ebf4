import { readFileSync } from 'node:fs';

/** Code block of a page. */
export interface PageBlock {
  readonly language: string;
  readonly text: string;
}

/** Returns the code blocks of a page of the docs, in order. */
export function pageBlocks(page: string): PageBlock[] {
  const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
  return [...text.matchAll(/^```(\w*)[^\n]*\n(.*?)^```$/gms)].map(([, language = '', block = '']) => ({
    language,
    text: block,
  }));
}

/**
 * Returns the block of a page that has a text in it.
 *
 * @throws Error if none or several have it
 */
export function pageBlock(page: string, language: string, part: string): string {
  const found = pageBlocks(page).filter((block) => block.language === language && block.text.includes(part));
  const [only] = found;
  if (only === undefined || found.length > 1) throw new Error(`docs/${page} has ${found.length} blocks with ${part}`);
  return only.text;
}
