import { groupArguments } from '../../options/argument-groups.ts';
import type { Schema } from '../../options/options.ts';
import { quoteWord } from '../../send/forms/shell-words.ts';

/**
 * Lets a command for curl or grpcurl be pasted unquoted after our flags: its words become one text, so that none is
 * read as a flag of ours.
 *
 * @example
 * withPastedCommand(schema, ['--as', 'json', 'curl', '-g', 'a b']); // ['--as', 'json', "curl -g 'a b'"]
 */
export function withPastedCommand(schema: Schema, args: readonly string[]): readonly string[] {
  const ours: string[] = [];
  for (const { kind, args: group } of groupArguments(schema, args)) {
    const [first = ''] = group;
    if (kind === 'other' && (first === 'curl' || first === 'grpcurl')) {
      const words = args.slice(ours.length + 1).map(quoteWord);
      return [...ours, [first, ...words].join(' ')];
    }
    if (kind === 'other' && !first.startsWith('-')) return args;
    ours.push(...group);
  }
  return args;
}
