import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Writes the licences of the packages that the inputs of a build are from, each text once. Returns the name of the file. */
export function writeLicences(inputs: readonly string[], file: string): string {
  const folders = new Set(inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? []));
  const byText = Map.groupBy([...folders].sort(), licenceIn);
  const parts = [...byText].map(([text, users]) => `${users.map(titleOf).join('\n')}\n\n${text}\n`);
  const intro = `The programs in this folder contain code of ${folders.size} packages, under these licences.\n`;
  writeFileSync(file, [intro, ...parts].join(`\n${'-'.repeat(80)}\n\n`));
  return file;
}

/** Returns the texts of the licence and the notices in the folder of a package. */
function licenceIn(folder: string): string {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && /^(?:licen[cs]e|copying|notice)/i.test(entry.name))
    .map(({ name }) => readFileSync(path.join(folder, name), 'utf8').trim())
    .join('\n\n');
}

function titleOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Readonly<
    Record<string, string>
  >;
  return `${name} ${version} (${license})`;
}
