import { flagsOf, type Schema } from './options.ts';

/** Arguments of a command line that belong together. */
export type ArgumentGroup<Name extends string> =
  /** Flag of a setting, with its value if it has one. */
  | {
      readonly kind: 'setting';
      readonly name: Name;
      readonly value: string | undefined;
      readonly args: readonly string[];
    }
  /** Argument that is not a flag of the schema. */
  | { readonly kind: 'other'; readonly args: readonly string[] };

/**
 * Groups the arguments of a command line by setting. Unlike `parseOptions`, it accepts unknown flags and wrong values.
 *
 * @example
 * groupArguments(serveSchema, ['--http', ':8080', 'x']);
 * // [{ kind: 'setting', name: 'http', value: ':8080', args: ['--http', ':8080'] }, { kind: 'other', args: ['x'] }]
 */
export function groupArguments<S extends Schema>(
  schema: S,
  args: readonly string[],
): ArgumentGroup<keyof S & string>[] {
  const groups: ArgumentGroup<keyof S & string>[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? '';
    const [flag = '', ...rest] = arg.split('=');
    const name = settingOf(schema, flag);
    if (name === undefined) groups.push({ kind: 'other', args: [arg] });
    else if (rest.length > 0) groups.push({ kind: 'setting', name, value: rest.join('='), args: [arg] });
    else if (schema[name]?.isSwitch) groups.push({ kind: 'setting', name, value: undefined, args: [arg] });
    else {
      const value = args[++index];
      groups.push({ kind: 'setting', name, value, args: value === undefined ? [arg] : [arg, value] });
    }
  }
  return groups;
}

/** Returns the setting of a flag, with one dash or two. */
function settingOf<S extends Schema>(schema: S, flag: string): (keyof S & string) | undefined {
  if (!flag.startsWith('-')) return undefined;
  const bare = flag.replace(/^--?/, '');
  const entry = Object.entries(schema).find(([name, option]) =>
    flagsOf(name, option).some((known) => known.replace(/^--?/, '') === bare),
  );
  return entry?.[0];
}
