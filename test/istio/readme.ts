/** What the README shows of a mesh without a cluster: run in the demo, in the page's order. */
import { type BlockKind, type Example, examplesOf, masked, readReadme, runWith } from '../repo/readme.ts';
import { demoWorkloads, startTestMesh } from './local-mesh.ts';

export const blockKind: BlockKind = 'console istio';

/** The page's examples, with what they print now. */
export async function runExamples(): Promise<(Example & { readonly printed: string })[]> {
  await using bed = await startTestMesh([demoWorkloads, 'istio/demo/ingress.yaml']);
  const places = [
    ['localhost:8080', bed.http('gateway')],
    ['localhost:8085', bed.gateway(80)],
    ['http://localhost:16686', bed.jaeger],
    ['npx meshmock istio', `"${process.execPath}" dist/cli/main.js istio`],
  ] as const;
  const run = (command: string) =>
    runWith(command.replace(/istio (apply|delete)/, `istio $1 --mesh ${bed.host.name}`), places);
  const examples = examplesOf(readReadme(), blockKind);
  // Once before, so that what is shown is not the first request of a process.
  for (const { command } of examples) await run(command);
  const printed: (Example & { readonly printed: string })[] = [];
  for (const example of examples)
    printed.push({ ...example, printed: withoutProgress((await run(example.command)).output) });
  return printed;
}

/** On a terminal these lines go away again. */
function withoutProgress(output: string): string {
  return output.replaceAll(/^meshmock: .*, \d+ s\n/gm, '');
}

/** An output without what differs from mesh to mesh: times of the proxies too, and ids. */
export function maskedMesh(output: string): string {
  return masked(output)
    .replaceAll(/proxy [\d.]+ ms/g, 'proxy T ms')
    .replaceAll(/\b\d+\.\d s\b/g, 'T s')
    .replaceAll(/[0-9a-f]{32}/g, 'TRACE')
    .replaceAll(/-[0-9a-f]{9}-[0-9a-f]{5}\b/g, '-POD')
    .replaceAll(/ +$/gm, '');
}

/** Without the version of a service that has two: nothing decides which has its turn. */
export function maskedVersion(output: string, service: string): string {
  return output.replaceAll(new RegExp(`v\\d \\(${service}-v\\d-POD\\)`, 'g'), `V (${service}-POD)`);
}
