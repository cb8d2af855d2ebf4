import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { nearestOrAll } from '../../error/suggestion.ts';
import { packageFile } from '../../package/package-files.ts';
import { commandName } from '../process/npx.ts';

/** Lab of the package: a page, the YAML that it applies, and cases. */
export interface Lab {
  readonly name: string;
  /** Topic of the lab, in one clause. */
  readonly topic: string;
  /** Folder of the lab. */
  readonly folder: string;
}

/** Folder of all labs, relative to the package. */
export const labsFolder = 'istio/labs';

/** Row of the table of labs: `| 1 | [name](labs/name) | topic | URL |`. */
const tableRow = /^\| \d+ \| \[[^\]]+\]\(labs\/([\w-]+)\) \| (.*?) \| `/gm;

/** Returns all labs, in the order in which to do them. The page that lists them is the source. */
export function allLabs(): Lab[] {
  const page = readFileSync(packageFile('istio/README.md'), 'utf8');
  return [...page.matchAll(tableRow)].map(([, name = '', topic = '']) => ({
    name,
    topic: topic.replaceAll('**', ''),
    folder: packageFile(path.join(labsFolder, name)),
  }));
}

/** Returns a lab. @throws MeshmockError `usage` if the package has no such lab */
export function labNamed(name: string): Lab {
  const labs = allLabs();
  const lab = labs.find((one) => one.name === name);
  if (lab !== undefined) return lab;
  const names = labs.map((one) => one.name);
  throw new MeshmockError('usage', `there is no lab "${name}"${nearestOrAll(name, 'labs', names)}`);
}

/** Reports whether a lab has cases. Some labs need a cluster. */
export function hasCases({ folder }: Lab): boolean {
  return existsSync(path.join(folder, 'test.yaml'));
}

/**
 * Returns the page of a lab. Outside of the package's folder, the paths of files in its links and commands become
 * absolute, so that they work everywhere, and the start of the mesh is a command of the package.
 */
export function pageOf({ folder }: Lab): string {
  const page = readFileSync(path.join(folder, 'README.md'), 'utf8');
  if (existsSync(labsFolder)) return page;
  const command = commandName();
  const start = `Start the mesh (\`${command} labs --up\` in another terminal, then \`eval "$(${command} istio env)"\` here)`;
  return page
    .replaceAll(/\[Start\s+the\s+mesh\]\(\.\.\/\.\.\/README\.md#two-ways-to-a-mesh\)/g, start)
    .replaceAll(/(?<=\]\()\.\.?\/[\w./-]+/g, (link) => path.join(folder, link))
    .replaceAll('npx meshmock ', `${command} `)
    .replaceAll(/(?<=[ =])istio\/[\w./-]*\w/g, (file) => {
      const inPackage = packageFile(file);
      return existsSync(inPackage) ? inPackage : file;
    });
}
