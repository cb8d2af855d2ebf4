import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import protobuf from 'protobufjs';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { dependencyFile } from '../../package/package-files.ts';

/** Proto files, and the folders in which their imports are. */
export interface ProtoFiles {
  /** Absolute paths. */
  readonly files: readonly string[];
  readonly folders: readonly string[];
}

/** Packages that each service has itself. Their copies in a folder are skipped. */
const ownPackages = /^(?:google\.protobuf|grpc\.health\.v1|grpc\.reflection\..*|meshmock\.v1)$/;

/** Returns the folder of protobufjs, which has the proto files of Google's annotations for APIs. */
function standardFolder(): string {
  return path.resolve(dependencyFile('protobufjs/google/api/http.proto'), '../../..');
}

/**
 * Finds the proto files of `--proto`. A folder has all files in it and below, and the imports of all files.
 *
 * @throws MeshmockError `usage` if a path does not exist, or a folder has no proto file
 */
export function findProtoFiles(names: readonly string[]): ProtoFiles {
  const files = new Set<string>();
  const folders = new Set<string>();
  for (const name of names) {
    const full = path.resolve(name);
    const stat = statSync(full, { throwIfNoEntry: false });
    if (stat === undefined) throw new MeshmockError('usage', `--proto: ${name} does not exist`);
    if (!stat.isDirectory()) {
      files.add(full);
      folders.add(path.dirname(full));
      continue;
    }
    const found = readdirSync(full, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.proto'));
    if (found.length === 0) throw new MeshmockError('usage', `--proto: the folder ${name} has no .proto file`);
    folders.add(full);
    for (const file of found.sort()) if (!isOwn(path.join(full, file))) files.add(path.join(full, file));
  }
  return { files: [...files], folders: [...folders] };
}

function isOwn(file: string): boolean {
  const [, name = ''] = /^\s*package\s+([\w.]+)\s*;/m.exec(readFileSync(file, 'utf8')) ?? [];
  return ownPackages.test(name);
}

/**
 * Loads proto files with their imports. Fields keep the names that the files give them.
 *
 * @throws MeshmockError `usage` with the file that cannot be read
 */
export function loadProtoFiles({ files, folders }: ProtoFiles): protobuf.Root {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => {
    if (path.isAbsolute(target)) return target;
    const found =
      folders.map((folder) => path.join(folder, target)).find(existsSync) ??
      // A copy of Google's files, deeper in a folder. It is loaded itself, and with ours, names would be defined twice.
      files.find((file) => file.endsWith(path.join(path.sep, target))) ??
      [path.join(standardFolder(), target)].find(existsSync);
    if (found !== undefined || /(?:^|\/)google\/protobuf\//.test(target)) return found ?? target;
    const message = `--proto: the import ${target} is not in ${folders.join(', ')}: add its folder with --proto`;
    throw new MeshmockError('usage', message);
  };
  for (const file of files) {
    try {
      root.loadSync(file, { keepCase: true });
    } catch (error) {
      if (error instanceof MeshmockError) throw error;
      throw new MeshmockError('usage', `--proto: ${file}: ${(error as Error).message}`);
    }
  }
  return root;
}
