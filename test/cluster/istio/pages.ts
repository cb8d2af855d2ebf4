/** Commands of the pages in istio/. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../../repo/pages.ts';
import type { Cluster } from '../cluster.ts';

/**
 * Returns the kubectl commands of a page's section, from its blocks `sh` and `console lab`.
 *
 * @param kind pattern of the subcommand; if not given, all commands but `port-forward`, which does not end
 */
export function commandsOf(page: string, section: string, kind = '(?!port-forward)'): string[] {
  const text = readFileSync(path.join(root, page), 'utf8');
  const [, shown = ''] = text.split(`\n## ${section}\n`);
  const [sectionText = ''] = shown.split('\n## ');
  const blocks = [...sectionText.matchAll(/^```(?:sh|console lab)\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
  const command = new RegExp(`^(?:\\$ )?(kubectl ${kind}(?:.*\\\\\n)*.*)$`, 'gm');
  return blocks.flatMap((block) => [...block.matchAll(command)].map(([, one = '']) => one));
}

/** Runs commands on the node, in the folder of the checkout, one after another. */
export async function runCommands(cluster: Cluster, commands: readonly string[]): Promise<void> {
  for (const command of commands) await cluster.run(['sh', '-c', command]);
}
