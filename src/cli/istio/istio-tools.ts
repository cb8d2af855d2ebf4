import path from 'node:path';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { nearestOrAll } from '../../error/suggestion.ts';
import { installMeshTools } from '../../istio/tools/install-tools.ts';
import { bytesIn, readToolCache, removeTools, type ToolCache } from '../../istio/tools/tool-cache.ts';
import { parseOptions } from '../../options/options.ts';
import type { HelpText } from '../options/help.ts';

const actions = ['list', 'install', 'path', 'clean'] as const;
type Action = (typeof actions)[number];

export const istioToolsSchema = {
  list: { isSwitch: true, help: 'list the tools, as without an action' },
  all: { isSwitch: true, help: 'clean: remove the tools that this version uses too' },
} as const;

export const istioToolsHelp: HelpText = {
  usage: ['istio tools', 'istio tools install', 'istio tools path', 'istio tools clean [--all]'],
  summary: 'Lists, installs or removes the programs that a local mesh runs.',
  about: [
    'They are built or fetched once, into ~/.cache/meshmock/tools, or into the folder in MESHMOCK_TOOLS. With MESHMOCK_TOOLS_URL=URL#sha256=HEX, they are fetched from a folder that make-archives.sh made. "clean" removes tools of other versions, and installations that were stopped.',
  ],
  schema: istioToolsSchema,
  examples: ['meshmock istio tools', 'meshmock istio tools install', 'meshmock istio tools clean'],
};

/**
 * Runs an action on the cache of tools.
 *
 * @throws MeshmockError `usage`, `machine` if a tool cannot be installed, or `conflict` if another process installs tools
 */
export async function istioTools(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseOptions(istioToolsSchema, args, {});
  const action = actionOf(positionals);
  if (values.all && action !== 'clean') throw new MeshmockError('usage', '--all belongs to "clean"');
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort());
  switch (action) {
    case 'install':
      await installMeshTools(stop.signal);
      return print(listText(await readToolCache(stop.signal)));
    case 'path':
      return print((await readToolCache(stop.signal)).folder);
    case 'clean': {
      const { folder, tools, unused } = await readToolCache(stop.signal);
      const used = tools.map(({ name, version }) => path.join(folder, `${name}-${version}`));
      return print(
        `removed ${sizeText(removeTools(folder, values.all ? [...unused, ...used] : unused))} from ${folder}`,
      );
    }
    case 'list':
      return print(listText(await readToolCache(stop.signal)));
  }
}

function actionOf([action = 'list', stray]: readonly string[]): Action {
  if (stray !== undefined) throw new MeshmockError('usage', `unexpected argument "${stray}"`);
  const found = actions.find((one) => one === action);
  if (found !== undefined) return found;
  throw new MeshmockError('usage', `unknown action "${action}" of tools${nearestOrAll(action, 'actions', actions)}`);
}

function listText({ folder, tools, unused }: ToolCache): string {
  const width = Math.max(...tools.map(({ name, version }) => name.length + version.length)) + 3;
  const lines = tools.map(
    ({ name, version, isInstalled, bytes }) =>
      `${`${name} ${version}`.padEnd(width)}${isInstalled ? sizeText(bytes).padStart(7) : 'not installed'}`,
  );
  const bytes = tools.reduce((sum, one) => sum + one.bytes, 0);
  const old = unused.map(bytesIn).reduce((sum, one) => sum + one, 0);
  return [
    ...lines,
    '',
    `${sizeText(bytes)} in ${folder}`,
    ...(unused.length === 0 ? [] : [`${sizeText(old)} of other versions: "meshmock istio tools clean" removes them`]),
  ].join('\n');
}

function sizeText(bytes: number): string {
  return `${Math.round(bytes / 1_048_576)} MB`;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
