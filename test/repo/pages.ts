/** The pages of the documentation: their blocks of commands, their generated parts, their links. */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export const root = path.join(import.meta.dirname, '../..');

/** A Markdown file. */
export interface Page {
  /** Path from the root of the checkout. */
  readonly file: string;
  readonly text: string;
}

export const readPage = (file: string): Page => ({ file, text: readFileSync(path.join(root, file), 'utf8') });

export const writePage = ({ file, text }: Page): void => writeFileSync(path.join(root, file), text);

/** Reads the pages whose examples are run: README.md and docs/. */
export const readDocs = (): Page[] => ['README.md', ...globSync('docs/*.md', { cwd: root }).sort()].map(readPage);

/**
 * Returns the pages that a command line names, or all of them if it names none.
 *
 * @throws Error if one of the names is not a page
 */
export function chosenPages(names: readonly string[]): Page[] {
  const pages = readDocs();
  for (const name of names)
    if (!pages.some(({ file }) => file === name))
      throw new Error(`${name} is not a page; the pages are ${pages.map(({ file }) => file).join(', ')}`);
  return pages.filter(({ file }) => names.length === 0 || names.includes(file));
}

/** Name of a block of commands: for meshes of `up`, for a mesh of `istio up`, or for a lab. */
export type BlockKind = 'console' | `console ${string}`;

const blockOf = (kind: BlockKind): RegExp => new RegExp(`\`\`\`${kind}\\n([\\s\\S]*?)\`\`\``, 'g');

/** A command and the output that the page shows. */
export interface Example {
  readonly command: string;
  readonly output: string;
}

// A line that ends in a backslash goes on in the next one.
const commandOf = /^\$ ((?:.*\\\n)*.*)\n?/;

/** Returns the examples of a page, in its order. */
export function examplesOf(text: string, kind: BlockKind = 'console'): Example[] {
  return [...text.matchAll(blockOf(kind))].flatMap(([, block = '']) =>
    block.split(/^(?=\$ )/m).map((part) => {
      const [all = '', command = ''] = commandOf.exec(part) ?? [];
      return { command, output: part.slice(all.length).trimEnd() };
    }),
  );
}

/** Returns the page with other outputs, one for each example. */
export function withOutputs(text: string, outputs: readonly string[], kind: BlockKind = 'console'): string {
  let index = 0;
  return text.replaceAll(blockOf(kind), (block: string) => {
    const shown = examplesOf(block, kind).map(({ command }) => `$ ${command}\n${outputs[index++]}\n`);
    return `\`\`\`${kind}\n${shown.join('\n')}\`\`\``;
  });
}

const partOf = (name: string): RegExp => new RegExp(`(<!-- ${name} -->\n)([\\s\\S]*?)(<!-- /${name} -->)`, 'g');

/** Returns the text of each part of the pages that stands between the comments `NAME` and `/NAME`. */
export function partsOf(pages: readonly Page[], name: string): string[] {
  return pages.flatMap(({ text }) => [...text.matchAll(partOf(name))].map(([, , part = '']) => part));
}

/** Returns a page with another text between the comments `NAME` and `/NAME`, if it has them. */
export function withPart(text: string, name: string, part: string): string {
  return text.replace(partOf(name), (_all, start: string, _part, end: string) => `${start}${part}${end}`);
}
