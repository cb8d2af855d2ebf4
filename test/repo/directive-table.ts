/** The table of directives: each row is a path, and what the caller's tree says when it is run. */
import { type Meshes, run } from './examples.ts';

/** Name of the table's comments in the page. */
export const directivePart = 'directives';

/** A row of the table. */
export interface DirectiveRow {
  readonly path: string;
  readonly meaning: string;
  /** What the caller's tree says of service1, over HTTP and over gRPC. */
  readonly seen: readonly [http: string, grpc: string];
}

/** Parses the table's rows; its first two lines are the heading. */
export function directiveRowsOf(table: string): DirectiveRow[] {
  const [, , ...rows] = table.trimEnd().split('\n');
  return rows.map((row) => {
    const [, path = '', meaning = '', overHttp = '', overGrpc = ''] = row.split('|').map((cell) => cell.trim());
    return { path: path.replaceAll('`', ''), meaning, seen: [overHttp, overGrpc] };
  });
}

/** Returns the table with other rows. */
export function withDirectiveRows(table: string, rows: readonly DirectiveRow[]): string {
  const heading = table.split('\n').slice(0, 2);
  const lines = rows.map(({ path, meaning, seen }) => `| \`${path}\` | ${meaning} | ${seen.join(' | ')} |`);
  return `${[...heading, ...lines].join('\n')}\n`;
}

/** Runs the path of a row over HTTP and over gRPC, and returns its last two cells. */
export async function seenOf({ path }: DirectiveRow, meshes: Meshes): Promise<[http: string, grpc: string]> {
  const line = async (url: string): Promise<string> => {
    const { output } = await run(`curl -g 'localhost:8080${url}' -H 'Accept: text/plain'`, meshes);
    const [, outcome, time, notes = ''] = /└─ .*? {2}(\S+) +([\d.]+ ms) {2}[·█]+ *(.*)/.exec(output) ?? [];
    return [`**${outcome}**`, time, ...(notes === '' ? [] : [notes])].join(' · ').replace(/ · grpc(?= |$)/, '');
  };
  return [await line(path), await line(path.replace('@service1', '@grpc:service1'))];
}
