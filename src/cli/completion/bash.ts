import type { CompletionNode, CompletionTree, CompletionValue, CompletionWord } from './completion-tree.ts';

/** Returns a completion script for bash 3.2 or later. It needs no other package, and starts no program. */
export function bashScript({ commands, subcommands, nodes }: CompletionTree): string {
  return `# Completion of meshmock for bash: source <(meshmock completion bash)

# Offers the words that begin with the current one.
_meshmock_words() {
  COMPREPLY+=($(compgen -W "$1" -- "$current"))
}

# Offers files and folders. A name may have spaces, so each line is one name.
_meshmock_paths() {
  local name
  compopt -o filenames 2> /dev/null
  while IFS= read -r name; do COMPREPLY+=("$name"); done < <(compgen -f -- "$current")
}

_meshmock() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} node=\${COMP_WORDS[1]}
  COMPREPLY=()
  # bash splits --flag=value into three words.
  if [ "$current" = "=" ]; then current=; elif [ "$before" = "=" ]; then before=\${COMP_WORDS[COMP_CWORD-2]}; fi
  if [ "$COMP_CWORD" -eq 1 ]; then
    case "$current" in
      -*) _meshmock_words "--help --version" ;;
      *) _meshmock_words "${listOf(commands)}" ;;
    esac
    return
  fi
  case "$node" in
    help)
      case "$COMP_CWORD:$before" in
        2:*) _meshmock_words "${listOf(commands)}" ;;
${[...subcommands].map(([name, all]) => `        3:${name}) _meshmock_words "${listOf(all)}" ;;`).join('\n')}
      esac
      return ;;
${[...subcommands].map(subcommandCase).join('\n')}
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

function listOf(words: readonly CompletionWord[]): string {
  return words.map(({ word }) => word).join(' ');
}

function subcommandCase([name, words]: readonly [string, readonly CompletionWord[]]): string {
  return `    ${name})
      if [ "$COMP_CWORD" -eq 2 ]; then
        case "$current" in
          -*) _meshmock_words "--help" ;;
          *) _meshmock_words "${listOf(words)}" ;;
        esac
        return
      fi
      node="$node \${COMP_WORDS[2]}" ;;`;
}

/** Returns the cases in which a flag with a value comes before the cursor. */
function valueCases({ words, flags }: CompletionNode): string[] {
  return flags.flatMap(({ names, value }) => {
    if (value.kind === 'none') return [];
    const patterns = names.map((name) => `"${words} ${name}"`).join(' | ');
    return [`    ${patterns}) ${offer(value)}; return ;;`];
  });
}

function nodeCase({ words, flags, operands }: CompletionNode): string {
  const names = flags.flatMap((flag) => flag.names).join(' ');
  return `    "${words}")
      case "$current" in
        -*) _meshmock_words "${names}" ;;
        *) ${offer(operands)} ;;
      esac ;;`;
}

function offer(value: CompletionValue): string {
  switch (value.kind) {
    case 'none':
    case 'text':
      return ':';
    case 'path':
      return value.words.length === 0
        ? '_meshmock_paths'
        : `_meshmock_words "${value.words.join(' ')}"; _meshmock_paths`;
    case 'choices':
      return `_meshmock_words "${value.choices.join(' ')}"`;
  }
}
