import type { CompletionFlag, CompletionNode, CompletionTree, CompletionValue } from './completion-tree.ts';

/** Returns a completion script for fish. */
export function fishScript({ commands, subcommands, nodes }: CompletionTree): string {
  const lines = [
    '# Completion of meshmock for fish: meshmock completion fish > ~/.config/fish/completions/meshmock.fish',
    'complete -c meshmock -f',
    ...commands.map(
      ({ word, help }) => `complete -c meshmock -n __fish_use_subcommand -a ${quote(word)} -d ${quote(help)}`,
    ),
    ...commands.map(
      ({ word, help }) =>
        `complete -c meshmock -n '__fish_seen_subcommand_from help' -a ${quote(word)} -d ${quote(help)}`,
    ),
    ...[...subcommands].flatMap(([name, all]) => {
      const names = all.map(({ word }) => word).join(' ');
      const condition = `__fish_seen_subcommand_from ${name}; and not __fish_seen_subcommand_from ${names}`;
      return all.map(
        ({ word, help }) => `complete -c meshmock -n ${quote(condition)} -a ${quote(word)} -d ${quote(help)}`,
      );
    }),
    ...nodes.flatMap(nodeLines),
  ];
  return `${lines.join('\n')}\n`;
}

function nodeLines({ words, flags, operands }: CompletionNode): string[] {
  const condition = words
    .split(' ')
    .map((word) => `__fish_seen_subcommand_from ${word}`)
    .join('; and ');
  const start = `complete -c meshmock -n ${quote(condition)}`;
  const values = valueOptions(operands);
  return [...flags.map((flag) => `${start} ${flagOptions(flag)}`), ...(values === '' ? [] : [`${start} ${values}`])];
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
      return '-F';
    case 'choices':
      return `-a ${quote(value.choices.join(' '))}`;
  }
}

function quote(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`;
}
