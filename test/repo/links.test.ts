import assert from 'node:assert/strict';
import { existsSync, globSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { readDocs, readPage, root } from './pages.ts';

const longestReadmeBytes = 10 * 1024;

const linkedPages = globSync(['*.md', 'docs/*.md', 'istio/**/*.md', 'kubernetes/*.md'], { cwd: root })
  .sort()
  .map(readPage);

const withoutCode = (text: string): string => text.replaceAll(/^```[\s\S]*?^```/gm, '').replaceAll(/`[^`\n]*`/g, '');

/** Returns the targets of a page's relative links: `PATH`, `PATH#ANCHOR` or `#ANCHOR`. */
function linksOf(text: string): string[] {
  const targets = [...withoutCode(text).matchAll(/\]\(<?([^)>\s]+)>?\)/g)].map(([, target = '']) => target);
  return targets.filter((target) => !/^[a-z]+:/.test(target));
}

/** Returns the anchors that GitHub makes of a page's headings. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^#{1,6} +(.+)$/gm)) {
    const words = heading.trim().replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1');
    const slug = words
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
    let anchor = slug;
    for (let n = 1; anchors.has(anchor); n++) anchor = `${slug}-${n}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** Returns the file that a link of a page leads to, and its anchor if it has one. */
function resolve(page: string, link: string): { readonly file: string; readonly anchor: string } {
  const [target = '', anchor = ''] = link.split('#');
  return { file: target === '' ? page : path.posix.join(path.posix.dirname(page), target), anchor };
}

test('every relative link of the documentation leads to a file, and every anchor to a heading', () => {
  const broken: string[] = [];
  for (const { file, text } of linkedPages)
    for (const link of linksOf(text)) {
      const to = resolve(file, link);
      const exists = existsSync(path.join(root, to.file));
      const hasAnchor = to.anchor === '' || (exists && anchorsOf(readPage(to.file).text).has(to.anchor));
      if (!exists || !hasAnchor) broken.push(`${file}: ${link}`);
    }
  assert.deepEqual(broken, []);
});

test('every page of docs/ is reachable from README.md', () => {
  const docs = new Map(readDocs().map((page) => [page.file, page]));
  const reached = new Set<string>();
  const visit = (file: string): void => {
    const page = docs.get(file);
    if (page === undefined || reached.has(file)) return;
    reached.add(file);
    for (const link of linksOf(page.text)) visit(resolve(file, link).file);
  };
  visit('README.md');
  assert.deepEqual(
    [...docs.keys()].filter((file) => !reached.has(file)),
    [],
  );
});

test('README.md is at most 10 KB', () => {
  assert.ok(Buffer.byteLength(readPage('README.md').text) <= longestReadmeBytes);
});
