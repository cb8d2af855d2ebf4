// Node 22 has no URLPattern. This sets it only if it is missing.
import 'urlpattern-polyfill';
import { MeshmockError } from '../../error/meshmock-error.ts';
import type { StandIn, StoredAnswer } from '../../execute/role.ts';

/** Row of a table: the requests, and their answer. */
export interface AnswerRow extends StoredAnswer {
  /** Method of the requests; undefined for all. */
  readonly method: string | undefined;
  /** Pattern of the path, without a query, such as `/users/:id`. */
  readonly path: string;
}

/** Answers by method and path. The first row that matches counts. The patterns are those of `URLPattern`. */
export class AnswerTable implements StandIn {
  private readonly rows: readonly { readonly row: AnswerRow; readonly pattern: URLPattern }[];

  /**
   * @throws MeshmockError `usage` if a path is not a pattern
   * @example
   * new AnswerTable([{ method: 'GET', path: '/a', status: 200, contentType: 'text/plain', body: 'x', headers: [] }]);
   */
  constructor(rows: readonly AnswerRow[]) {
    this.rows = rows.map((row) => ({ row, pattern: pathPattern(row.path) }));
  }

  /** Returns the answer to a request, or undefined if no row matches. */
  find(method: string, uri: string): StoredAnswer | undefined {
    const pathname = uri.replace(/\?.*$/s, '');
    const found = this.rows.find(
      ({ row, pattern }) => (row.method === undefined || row.method === method) && pattern.test({ pathname }),
    );
    if (found === undefined) return undefined;
    const { status, contentType, body, headers } = found.row;
    return { status, contentType, body, headers };
  }
}

/** Parses the pattern of a path. @throws MeshmockError `usage` */
export function pathPattern(path: string): URLPattern {
  try {
    return new URLPattern({ pathname: path });
  } catch {
    throw new MeshmockError('usage', `"${path}": expected a pattern of paths such as /users/:id or /files/*`);
  }
}
