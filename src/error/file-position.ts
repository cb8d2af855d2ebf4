/** Position in a file. Lines and columns begin at 1. */
export interface FilePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/**
 * Parses a place, or the place at the beginning of a line of an error. Returns undefined if the text does not begin with
 * one.
 *
 * @example
 * parseFilePosition('k8s/a.yaml:3:5: expected a map'); // { file: 'k8s/a.yaml', line: 3, column: 5 }
 */
export function parseFilePosition(text: string): FilePosition | undefined {
  const [, file, line, column] = /^([^\s:][^:\n]*):(\d+):(\d+)(?::|$)/.exec(text) ?? [];
  return file === undefined ? undefined : { file, line: Number(line), column: Number(column) };
}
