import { existsSync } from 'node:fs';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { type MeshFile, parseMeshFile } from '../files/mesh-file.ts';
import { readText } from '../process/read-text.ts';

/** Meshes that `meshmock up` knows by name, in the form of mesh files. */
export const namedMeshes = {
  demo: `services:
  - name: gateway
  - name: service1
  - name: service2
  - name: service3
  - name: service4
`,
  octopus: `services:
  - name: proxy
    upstream: http://webserver
  - name: webserver
    versions:
      - version: v1
        replicas: 3
        content: WebServer V1
      - version: v2
        replicas: 3
        content: WebServer V2
`,
} as const;

/**
 * Reads the mesh with a name, or in the file at a path.
 *
 * @throws MeshmockError `usage` if it is neither a known name nor a readable file
 */
export function readMesh(nameOrPath: string): MeshFile {
  const known: Readonly<Record<string, string>> = namedMeshes;
  return parseMeshFile(Object.hasOwn(known, nameOrPath) ? (known[nameOrPath] ?? '') : readFile(nameOrPath), nameOrPath);
}

function readFile(path: string): string {
  try {
    return readText(path);
  } catch (error) {
    if (existsSync(path)) throw error;
    const names = Object.keys(namedMeshes).join(' or ');
    throw new MeshmockError('usage', `"${path}" is neither ${names} nor a file: ENOENT: no such file or directory`);
  }
}
