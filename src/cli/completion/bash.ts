import type { CompletionNode, CompletionTree, CompletionValue } from './completion-tree.ts';

/** Returns a completion script for bash. It needs no other package, and asks no program while it completes. */
export function bashScript({ commands, subcommands, nodes }: CompletionTree): string {
  const words = (all: readonly { readonly word: string }[]): string => all.map(({ word }) => word).join(' ');
  return `# Completion of meshmock for bash: source <(meshmock completion bash)
_meshmock() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} node=\${COMP_WORDS[1]} first=2
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${words(commands)} --help --version" -- "$current"))
    return
  fi
  case "$node" in
    help)
      COMPREPLY=($(compgen -W "${words(commands)}" -- "$current"))
      return ;;
${[...subcommands]
  .map(
    ([name, all]) => `    ${name})
      if [ "$COMP_CWORD" -eq 2 ]; then
        COMPREPLY=($(compgen -W "${words(all)} --help" -- "$current"))
        return
      fi
      node="$node \${COMP_WORDS[2]}" ;;`,
  )
  .join('\n')}
  esac
  case "$node $before" in
${nodes.flatMap(valueCases).join('\n')}
  esac
  case "$node" in
${nodes.map(nodeCase).join('\n')}
  esac
}
complete -F _meshmock meshmock
`;
}

/** Values of the flag before the cursor. */
function valueCases({ words, flags }: CompletionNode): string[] {
  return flags.flatMap(({ names, value }) => {
    if (value.kind === 'none') return [];
    const patterns = names.map((name) => `"${words} ${name}"`).join(' | ');
    return [`    ${patterns}) ${replyFor(value)} return ;;`];
  });
}

function nodeCase({ words, flags, operands }: CompletionNode): string {
  const names = flags.flatMap((flag) => flag.names).join(' ');
  return `    "${words}")
      case "$current" in
        -*) COMPREPLY=($(compgen -W "${names}" -- "$current")) ;;
        *) ${replyFor(operands).slice(0, -1)} ;;
      esac ;;`;
}

function replyFor(value: CompletionValue): string {
  switch (value.kind) {
    case 'none':
    case 'text':
      return ':;';
    case 'path':
      return 'compopt -o filenames 2> /dev/null; COMPREPLY=($(compgen -f -- "$current"));';
    case 'choices':
      return `COMPREPLY=($(compgen -W "${value.choices.join(' ')}" -- "$current"));`;
  }
}
