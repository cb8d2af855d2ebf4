import { MeshmockError } from '../../error/meshmock-error.ts';
import { parseOptions } from '../../options/options.ts';
import { packageFile } from '../../package/package-files.ts';
import { istioUp } from '../istio/istio-up.ts';
import type { Command } from '../options/command.ts';
import { type HelpText, twoColumns } from '../options/help.ts';
import { test } from '../test/test.ts';
import { allLabs, hasCases, type Lab, labNamed, labsFolder, pageOf } from './lab-list.ts';

const labsSchema = {
  check: { isSwitch: true, help: 'run the cases of the lab, with and without its files' },
  up: { isSwitch: true, help: 'start the mesh that all labs share, until Ctrl-C' },
  path: { isSwitch: true, help: 'print the folder of the lab, or of all labs' },
} as const;

const help: HelpText = {
  usage: ['labs', 'labs NAME [OPTIONS]', 'labs --up'],
  summary: 'Lists the labs of Istio, prints the page of a lab, or runs it.',
  about: [
    'Without a NAME, it lists the labs in the order in which to do them. With a NAME, it prints the page of this lab. The commands of a page need the mesh of "meshmock labs --up", which is a local mesh, or the same services in a cluster.',
  ],
  schema: labsSchema,
  examples: ['meshmock labs', 'meshmock labs traffic-shifting | less', 'meshmock labs traffic-shifting --check'],
  notes: ['--check is "meshmock test FOLDER --contrast", and has its exit codes.'],
};

export const labsCommand: Command = { help, run: labs };

/**
 * Lists the labs, prints the page of one, or runs it.
 *
 * @throws MeshmockError `usage` for an unknown lab
 */
export async function labs(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseOptions(labsSchema, args, {});
  const [name, stray] = positionals;
  if (stray !== undefined) throw new MeshmockError('usage', `unexpected argument "${stray}": name one lab`);
  const chosen = (['check', 'up', 'path'] as const).filter((option) => values[option]);
  if (chosen.length > 1)
    throw new MeshmockError('usage', `--${chosen.join(' and --')} exclude each other: give one of them`);
  const lab = name === undefined ? undefined : labNamed(name);
  switch (chosen[0]) {
    case 'up':
      return istioUp(['-f', packageFile(`${labsFolder}/mesh.yaml`)]);
    case 'check':
      return check(lab);
    case 'path':
      return print(lab?.folder ?? packageFile(labsFolder));
    case undefined:
      return print(lab === undefined ? listText() : pageOf(lab).trimEnd());
  }
}

function check(lab: Lab | undefined): Promise<void> {
  if (lab === undefined) throw new MeshmockError('usage', 'name the lab to check: meshmock labs NAME --check');
  if (!hasCases(lab))
    throw new MeshmockError('usage', `the lab "${lab.name}" has no cases: it needs a cluster, as its page says`);
  return test([lab.folder, '--contrast']);
}

function listText(): string {
  const rows = allLabs().map(({ name, topic }) => [name, topic] as const);
  return `${twoColumns(rows)}\n\n"meshmock labs NAME" prints the page of a lab, and with --check it runs its cases.`;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
