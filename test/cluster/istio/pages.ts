/** What pages of istio/ have people type. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../../repo/pages.ts';
import type { Cluster } from '../cluster.ts';

/**
 * The kubectl commands of a section of a page, as they stand there.
 *
 * @param kind which of them, by a pattern; all but those that do not end by themselves, if not given
 */
export function commandsOf(page: string, section: string, kind = '(?!port-forward)'): string[] {
  const text = readFileSync(path.join(root, page), 'utf8');
  const [, shown = ''] = text.split(`\n## ${section}\n`);
  const [own = ''] = shown.split('\n## ');
  const blocks = [...own.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
  const command = new RegExp(`^kubectl ${kind}(?:.*\\\\\n)*.*$`, 'gm');
  return blocks.flatMap((block) => [...block.matchAll(command)].map(([all]) => all));
}

/** Runs commands on the node, in the checkout, one after the other. */
export async function type(cluster: Cluster, commands: readonly string[]): Promise<void> {
  for (const command of commands) await cluster.run(['sh', '-c', command]);
}
