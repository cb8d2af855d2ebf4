/** `npm run readme:istio`: runs what the README shows of a mesh without a cluster, and writes in what it printed. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { readReadme, root, withOutputs } from '../repo/readme.ts';
import { blockKind, runExamples } from './readme.ts';

const outputs = (await runExamples()).map(({ printed }) => printed);
writeFileSync(path.join(root, 'README.md'), withOutputs(readReadme(), outputs, blockKind));
