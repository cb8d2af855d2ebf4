import type {
  CompletionFlag,
  CompletionNode,
  CompletionTree,
  CompletionValue,
  CompletionWord,
} from './completion-tree.ts';

/** Returns a completion script for fish 3 or later. */
export function fishScript({ commands, subcommands, nodes }: CompletionTree): string {
  const lines = [
    ...wordLines('', commands),
    ...wordLines('help', commands),
    ...[...subcommands].flatMap(([name, words]) => [...wordLines(name, words), ...wordLines(`help ${name}`, words)]),
    ...nodes.flatMap(nodeLines),
    `${start('is')} -l help -d ${quote('print the help')}`,
    `${start('is')} -l version -d ${quote('print the version')}`,
  ];
  return `# Completion of meshmock for fish: meshmock completion fish > ~/.config/fish/completions/meshmock.fish

# Reports whether the arguments are all words between meshmock and the cursor.
function __meshmock_is
    set -l words (commandline -opc)
    set -e words[1]
    test "$words" = "$argv"
end

# Reports whether the words between meshmock and the cursor begin with the arguments.
function __meshmock_begins
    set -l words (commandline -opc)
    set -e words[1]
    set -l length (count $argv)
    test (count $words) -ge $length; and test "$words[1..$length]" = "$argv"
end

complete -c meshmock -f
${lines.join('\n')}
`;
}

/** Returns the begin of a line that applies under a condition on the words before the cursor. */
function start(test: 'is' | 'begins', words = ''): string {
  return `complete -c meshmock -n ${quote(`__meshmock_${test} ${words}`.trimEnd())}`;
}

/** Returns a line for each word that may follow other words. */
function wordLines(before: string, words: readonly CompletionWord[]): string[] {
  return words.map(({ word, help }) => `${start('is', before)} -a ${quote(word)} -d ${quote(help)}`);
}

function nodeLines({ words, flags, operands }: CompletionNode): string[] {
  const line = start('begins', words);
  const values = valueOptions(operands);
  return [...flags.map((flag) => `${line} ${flagOptions(flag)}`), ...(values === '' ? [] : [`${line} ${values}`])];
}

function flagOptions({ names, help, value }: CompletionFlag): string {
  const spellings = names.map((name) => {
    if (name.startsWith('--')) return `-l ${name.slice(2)}`;
    return name.length === 2 ? `-s ${name.slice(1)}` : `-o ${name.slice(1)}`;
  });
  // -x offers no files besides the values; -r allows them.
  const takesValue = value.kind === 'none' ? [] : [value.kind === 'path' ? '-r' : '-x', valueOptions(value)];
  return [...spellings, ...takesValue, `-d ${quote(help)}`].filter((part) => part !== '').join(' ');
}

function valueOptions(value: CompletionValue): string {
  switch (value.kind) {
    case 'none':
    case 'text':
      return '';
    case 'path':
      return value.words.length === 0 ? '-F' : `-F -a ${quote(value.words.join(' '))}`;
    case 'choices':
      return `-a ${quote(value.choices.join(' '))}`;
  }
}

function quote(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`;
}
