/** Runs the commands that the docs show of a local mesh: in the demo, page by page. */
import { masked, type PageRun, runPages, runWith } from '../repo/examples.ts';
import { type BlockKind, examplesOf, type Page } from '../repo/pages.ts';
import { demoWorkloads, startLocalMesh } from './local-mesh.ts';

export const blockKind: BlockKind = 'console istio';

/** Address of a second mesh in the pages: the demo with a change. */
const greenAddress = 'localhost:9080';

/** Runs the examples of pages. Each page must leave the mesh as it found it. */
export async function runIstioPages(pages: readonly Page[]): Promise<PageRun[]> {
  await using mesh = await startLocalMesh([demoWorkloads, 'istio/demo/ingress.yaml']);
  const commands = pages.flatMap(({ text }) => examplesOf(text, blockKind).map(({ command }) => command));
  await using green = commands.some((command) => command.includes(greenAddress))
    ? await startLocalMesh([demoWorkloads, 'istio/examples/diff/green.yaml'])
    : undefined;
  const places = [
    ['localhost:8080', mesh.http('gateway')],
    ...(green === undefined ? [] : [[greenAddress, green.http('gateway')] as const]),
    ['localhost:8085', mesh.gateway(80)],
    ['http://localhost:16686', mesh.jaeger],
    ['npx meshmock istio', `"${process.execPath}" dist/cli/main.js istio`],
  ] as const;
  return await runPages(pages, blockKind, async (command) => {
    const inThisMesh = command.replace(/istio (apply|delete)/, `istio $1 --mesh ${mesh.host.name}`);
    return (await runWith(inThisMesh, places)).output;
  });
}

/**
 * Masks what differs from mesh to mesh: also the times of proxies, and ids. The length of a time moves the columns after it, and
 * shortens names.
 */
export function maskedMesh(output: string): string {
  return masked(output)
    .replaceAll(/\(…[^)]*\)/g, '(POD)')
    .replaceAll(/(?<=\S) {2,}/g, '  ')
    .replaceAll(/proxy [\d.]+ ms/g, 'proxy T ms')
    .replaceAll(/\b\d+\.\d s\b/g, 'T s')
    .replaceAll(/-[b-df-hj-np-tv-z0-9]{6,10}-[b-df-hj-np-tv-z0-9]{5}\b/g, '-POD')
    .replaceAll(/ +$/gm, '');
}

/** Masks the version of a service that has two: either of them may answer. */
export function maskedVersion(output: string, service: string): string {
  return output.replaceAll(new RegExp(`v\\d \\(${service}-v\\d-POD\\)`, 'g'), `V (${service}-POD)`);
}
