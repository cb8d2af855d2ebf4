/** Runs the commands that the docs show with grpcurl and a Jaeger: in the demo mesh, page by page. */

import { startProgram } from '../program.ts';
import { type PageRun, runPages, runWith } from '../repo/examples.ts';
import type { BlockKind, Page } from '../repo/pages.ts';
import { startJaeger, toolPath } from './tools.ts';

export const blockKind: BlockKind = 'console mesh';

/** Runs the examples of pages. The mesh sends its spans to the Jaeger. */
export async function runMeshPages(pages: readonly Page[]): Promise<PageRun[]> {
  const grpcurl = await toolPath('grpcurl');
  await using jaeger = await startJaeger();
  await using mesh = startProgram(
    ['up', 'demo', '--http', 'localhost:0', '--grpc', 'localhost:0', '--log-level', 'silent', '--seed', 'docs'],
    { OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.otlp, OTEL_METRICS_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'none' },
  );
  const [, http, grpc] = await mesh.printed(/gateway +http (localhost:\d+) +grpc (localhost:\d+)[\s\S]*Ctrl-C/);
  const places = [
    ['localhost:8080', http ?? ''],
    ['localhost:9090', grpc ?? ''],
    ['http://localhost:16686', jaeger.url],
    ['grpcurl -', `"${grpcurl}" -`],
  ] as const;
  return await runPages(pages, blockKind, async (command) => (await runWith(command, places)).output);
}
