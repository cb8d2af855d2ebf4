import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** Reports whether this machine has a shell. */
export function isInstalled(shell: Shell): boolean {
  return spawnSync(shell, ['-c', 'exit 0']).status === 0;
}

/** Line between the offers of two command lines. */
const separator = 'end-of-offers';

/**
 * Returns the words that a shell offers for the last word of each command line, sorted. One shell answers all lines.
 *
 * @param script completion script of the shell
 * @param folder working directory of the shell; the script is written into its parent
 * @param lines words after `meshmock`; the cursor is at the end of the last one
 */
export function offeredBy(
  shell: Shell,
  script: string,
  folder: string,
  lines: readonly (readonly string[])[],
): readonly (readonly string[])[] {
  const file = path.join(folder, '..', `completion.${shell}`);
  writeFileSync(file, script);
  const args = argumentsOf[shell](file, lines);
  const env = { ...process.env, TERM: 'dumb' };
  const output = execFileSync(shell, args, { cwd: folder, env, encoding: 'utf8', timeout: 60_000 });
  return output
    .split(separator)
    .slice(0, lines.length)
    .map((part) => [...new Set(part.split(/[\r\n]+/).flatMap((line) => offerIn[shell](line)))].sort());
}

/** Arguments with which a shell prints the offers for command lines. */
const argumentsOf: Readonly<Record<Shell, (file: string, lines: readonly (readonly string[])[]) => string[]>> = {
  bash: (file, lines) => {
    const commands = lines.flatMap((words) => {
      // Readline splits words at `=` too (COMP_WORDBREAKS).
      const parts = ['meshmock', ...words.flatMap((word) => word.split(/(=)/))];
      return [
        `COMP_WORDS=(${parts.map(quote).join(' ')}); COMP_CWORD=${parts.length - 1}; _meshmock`,
        `printf '%s\\n' "\${COMPREPLY[@]}" ${separator}`,
      ];
    });
    return ['--norc', '-c', [`source ${quote(file)}`, ...commands].join('\n')];
  },
  fish: (file, lines) => {
    const commands = lines.map((words) => `complete -C ${quote(commandLine(words))}; echo ${separator}`);
    return ['--no-config', '-c', [`source ${quote(file)}`, ...commands].join('\n')];
  },
  zsh: (file, lines) => ['-f', '-c', zshReader, 'zsh', file, ...lines.map(commandLine)],
};

/** Presses TAB in an interactive zsh, whose `compadd` prints each match without its quoting. */
const zshReader = String.raw`
zmodload zsh/zpty
script=$1
shift
zpty inner zsh -f -i
zpty -w inner "PS1=; autoload -Uz compinit; compinit -u -D; source $script"
zpty -w inner 'compadd() {
  local -a matches
  if [[ " $* " == *" -"[AOD]" "* ]]; then builtin compadd "$@"; return; fi
  builtin compadd -A matches "$@"
  for match in "$matches[@]"; do print -r -- "offer:${'$'}{(Q)match}"; done
  (( $#matches ))
}'
zpty -w inner 'finish() { print -r -- "fini""shed" }; complete-all() { comppostfuncs=(finish); _main_complete }'
zpty -w inner 'zle -C complete-all complete-word complete-all; bindkey "^I" complete-all; print -r -- "rea""dy"'
zpty -r inner output '*ready*'
for line in "$@"; do
  zpty -w -n inner "$line"$'\t'
  zpty -r inner output '*finished*'
  print -r -- "$output"
  print -r -- ${separator}
  zpty -w -n inner $'\C-u'
done
zpty -d inner
`;

/** Finds the offered word in a line that a shell printed. */
const offerIn: Readonly<Record<Shell, (line: string) => string[]>> = {
  bash: (line) => (line === '' ? [] : [line]),
  // A tab and a description follow the word. A value keeps its flag: `--as=json`.
  fish: (line) => (line === '' ? [] : [line.replace(/\t.*$/, '').replace(/^--[a-z-]+=/, '')]),
  // The first match follows the line that zsh completes. The `=` belongs to a flag with a value.
  zsh: (line) => (/offer:(.*)$/.exec(line)?.[1] ?? '').split(/=$/, 1).filter((word) => word !== ''),
};

function commandLine(words: readonly string[]): string {
  return ['meshmock', ...words].join(' ');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
