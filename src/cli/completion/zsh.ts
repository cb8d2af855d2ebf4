import type { CompletionFlag, CompletionNode, CompletionTree, CompletionValue } from './completion-tree.ts';

/** Returns a completion script for zsh, which works in `fpath` and when it is sourced. */
export function zshScript({ commands, subcommands, nodes }: CompletionTree): string {
  const describe = (all: readonly { readonly word: string; readonly help: string }[]): string =>
    all.map(({ word, help }) => quote(`${word}:${help}`)).join(' ');
  return `#compdef meshmock
# Completion of meshmock for zsh: source <(meshmock completion zsh)
_meshmock() {
  local node=$words[2]
  if (( CURRENT == 2 )); then
    local -a commands=(${describe(commands)})
    _describe command commands
    return
  fi
  case $node in
    help)
      local -a commands=(${describe(commands)})
      _describe command commands
      return ;;
${[...subcommands]
  .map(
    ([name, all]) => `    ${name})
      if (( CURRENT == 3 )); then
        local -a subcommands=(${describe(all)})
        _describe subcommand subcommands
        return
      fi
      node="$node $words[3]"
      shift words
      (( CURRENT-- )) ;;`,
  )
  .join('\n')}
  esac
  shift words
  (( CURRENT-- ))
  case $node in
${nodes.map(nodeCase).join('\n')}
  esac
}
if [ "$funcstack[1]" = _meshmock ]; then
  _meshmock "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
  compdef _meshmock meshmock
fi
`;
}

function nodeCase({ words, flags, operands }: CompletionNode): string {
  const specs = [...flags.flatMap(flagSpecs), `'*:${operandText(operands)}'`];
  return `    "${words}") _arguments ${specs.join(' \\\n      ')} ;;`;
}

function flagSpecs({ names, help, value }: CompletionFlag): string[] {
  const text = help.replaceAll(/[[\]:\\]/g, '\\$&');
  return names.map((name) => quote(`*${name}[${text}]${value.kind === 'none' ? '' : `:value:${action(value)}`}`));
}

function operandText(operands: CompletionValue): string {
  return `argument:${action(operands)}`;
}

function action(value: CompletionValue): string {
  switch (value.kind) {
    case 'none':
    case 'text':
      return ' ';
    case 'path':
      return '_files';
    case 'choices':
      return `(${value.choices.join(' ')})`;
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
