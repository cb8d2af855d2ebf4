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
    if [[ $PREFIX == -* ]]; then
      compadd -- --help --version
      return
    fi
    local -a commands=(${describe(commands)})
    _describe command commands
    return
  fi
  case $node in
    help)
      if (( CURRENT == 3 )); then
        local -a commands=(${describe(commands)})
        _describe command commands
      fi
${[...subcommands]
  .map(
    ([name, all]) => `      if [[ $CURRENT == 4 && $words[3] == ${name} ]]; then
        local -a subcommands=(${describe(all)})
        _describe subcommand subcommands
      fi`,
  )
  .join('\n')}
      return ;;
${[...subcommands]
  .map(
    ([name, all]) => `    ${name})
      if (( CURRENT == 3 )); then
        if [[ $PREFIX == -* ]]; then
          compadd -- --help
          return
        fi
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
  const specs = [...flags.flatMap(flagSpecs), quote(`*:argument:${action(operands)}`)];
  return `    "${words}") _arguments ${specs.join(' \\\n      ')} ;;`;
}

function flagSpecs({ names, help, value }: CompletionFlag): string[] {
  const text = help.replaceAll(/[[\]:\\]/g, '\\$&');
  // `=` and `+` also allow the value in the same word.
  return names.map((name) => {
    if (value.kind === 'none') return quote(`*${name}[${text}]`);
    return quote(`*${name}${name.startsWith('--') ? '=' : '+'}[${text}]:value:${action(value)}`);
  });
}

function action(value: CompletionValue): string {
  switch (value.kind) {
    case 'none':
    case 'text':
      return ' ';
    case 'path':
      return value.words.length === 0 ? '_files' : `{compadd ${value.words.join(' ')}; _files}`;
    case 'choices':
      return `(${value.choices.join(' ')})`;
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
