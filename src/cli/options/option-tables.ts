import { describeOption, flagOf, type Option, type Switch, variableOf } from '../../options/options.ts';

/** Returns the settings of a command with their variables and defaults, as a table in Markdown. */
export function tableOf(schema: Readonly<Record<string, Option<unknown> | Switch>>): string {
  const rows = Object.entries(schema).map(([name, option]) => {
    if (option.isSwitch) return row([`\`${flagOf(name)}\``, `\`${variableOf(name)}\``, '', option.help]);
    const names = [`\`${flagOf(name)} ${option.value}\``, ...(option.aliases ?? []).map((alias) => `\`${alias}\``)];
    return row([
      names.join(', '),
      `\`${variableOf(name)}\``,
      option.default === undefined ? '' : `\`${option.default}\``,
      option.help,
    ]);
  });
  return ['| flag | variable | default | |', '|---|---|---|---|', ...rows].join('\n');
}

/** Returns the flags of a command that has no variables, as a table in Markdown. */
export function flagTableOf(schema: Readonly<Record<string, Option<unknown> | Switch>>): string {
  const rows = Object.entries(schema).map(([name, option]) => {
    const flag = option.isSwitch ? flagOf(name) : `${flagOf(name)} ${option.value}`;
    const aliases = option.isSwitch ? [] : (option.aliases ?? []);
    return row([[flag, ...aliases].map((text) => `\`${text}\``).join(', '), describeOption(option)]);
  });
  return ['| flag | |', '|---|---|', ...rows].join('\n');
}

/** A `|` would end a cell, in code too (GitHub Flavored Markdown, "Tables"). */
function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
