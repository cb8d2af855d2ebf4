/**
 * Returns the columns that output may fill: of the terminal, or `COLUMNS` if it is set. Undefined means no limit, since
 * the output goes to a file or a program.
 */
export function terminalWidth(): number | undefined {
  if (!process.stdout.isTTY) return undefined;
  const columns = Number(process.env.COLUMNS ?? '');
  return Number.isInteger(columns) && columns > 0 ? columns : process.stdout.columns;
}
