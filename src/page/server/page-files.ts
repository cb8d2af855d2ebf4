import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { packageFile } from '../../package/package-files.ts';
import { pagePrefix } from '../model/page-data.ts';

/** Files of the page in `dist/page`, with their content types. */
const contentTypes = {
  'page.js': 'text/javascript; charset=utf-8',
  'mesh.js': 'text/javascript; charset=utf-8',
  'shared.js': 'text/javascript; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
  'mesh.css': 'text/css; charset=utf-8',
  'icon.svg': 'image/svg+xml',
} as const;

export type PageFileName = keyof typeof contentTypes;

/** File of the page, as it is served. */
export interface PageFile {
  readonly contentType: string;
  /** Path with the hash, such as `/-/page/3f2a…/page.js`. */
  readonly path: string;
  /** Hash of the contents of all files, since the programs import a shared one from their own folder. */
  readonly hash: string;
  readonly content: Buffer;
  readonly gzipped: Buffer;
}

/** Files of the page by name. */
export type PageFiles = Readonly<Record<PageFileName, PageFile>>;

let loaded: Promise<PageFiles | undefined> | undefined;

/** Returns the files of the page, which are read once, at the first use. Returns undefined if the program is not built. */
export function pageFiles(): Promise<PageFiles | undefined> {
  loaded ??= readFiles();
  return loaded;
}

async function readFiles(): Promise<PageFiles | undefined> {
  const names = Object.keys(contentTypes) as PageFileName[];
  try {
    const contents = await Promise.all(names.map((name) => readFile(packageFile(`dist/page/${name}`))));
    const hash = contents
      .reduce((sum, content) => sum.update(content), createHash('sha256'))
      .digest('hex')
      .slice(0, 20);
    const files = names.map(
      async (name, index) => [name, await pageFile(name, contents[index] ?? empty, hash)] as const,
    );
    return Object.fromEntries(await Promise.all(files)) as PageFiles;
  } catch {
    return undefined;
  }
}

const empty = Buffer.alloc(0);

async function pageFile(name: PageFileName, content: Buffer, hash: string): Promise<PageFile> {
  const gzipped = await promisify(gzip)(content, { level: 9 });
  return { contentType: contentTypes[name], path: `${pagePrefix}${hash}/${name}`, hash, content, gzipped };
}

/**
 * Returns the file of a path such as `/-/page/3f2a…/page.js`, and whether the path has its hash. A pod of another version
 * may have made the page, so a file is found under any hash.
 */
export function findPageFile(files: PageFiles, path: string): { file: PageFile; isCurrent: boolean } | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (!Object.hasOwn(files, name)) return undefined;
  const file = files[name as PageFileName];
  return { file, isCurrent: path === file.path };
}
