/** What the README shows: its commands are run against a mesh, and what they print is compared or written in. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { cleanEnv } from '../program.ts';

export const root = path.join(import.meta.dirname, '../..');
export const readReadme = (): string => readFileSync(path.join(root, 'README.md'), 'utf8');

const block = /```console\n([\s\S]*?)```/g;

/** A command and what the README says it prints. */
export interface Example {
  readonly command: string;
  readonly output: string;
}

/** The examples of the page, in its order. */
export function examplesOf(readme: string): Example[] {
  return [...readme.matchAll(block)].flatMap(([, text = '']) =>
    text
      .split(/^\$ /m)
      .filter((part) => part !== '')
      .map((part) => {
        const [command = '', ...output] = part.split('\n');
        return { command, output: output.join('\n').trimEnd() };
      }),
  );
}

/** The page with other outputs, one for each example. */
export function withOutputs(readme: string, outputs: readonly string[]): string {
  let index = 0;
  return readme.replaceAll(block, (_block, text: string) => {
    const commands = text.split('\n').filter((line) => line.startsWith('$ '));
    return `\`\`\`console\n${commands.map((command) => `${command}\n${outputs[index++]}\n`).join('\n')}\`\`\``;
  });
}

/** Runs a command of the page as a shell does, the mesh being elsewhere than on its standard port. */
export function run(command: string, httpPort: number): Promise<string> {
  const here = command
    .replaceAll('localhost:8080', `localhost:${httpPort}`)
    .replace(/^curl /, 'curl -s ')
    .replace(/^npx meshmock/, `"${process.execPath}" dist/cli/main.js`);
  return new Promise((resolve) => {
    execFile('sh', ['-c', `${here} 2>&1`], { cwd: root, env: cleanEnv() }, (_error, stdout) =>
      resolve(stdout.replaceAll(`localhost:${httpPort}`, 'localhost:8080').trimEnd()),
    );
  });
}

/** An output without what differs from run to run: times and their bars, ids, the version of curl. */
export function masked(output: string): string {
  return output
    .replaceAll(/ +[\d.]+ ms +[·█]+/g, ' T ms BAR')
    .replaceAll(/"(startMs|durationMs|x-meshmock-deadline-ms)": "?[\d.]+"?/g, '"$1": N')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g, 'ID')
    .replaceAll(/curl\/[\d.]+/g, 'curl/V');
}
