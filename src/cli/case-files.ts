import { existsSync } from 'node:fs';
import type { Case, CaseFile } from '../cases/case.ts';
import { MeshmockError } from '../plan/error.ts';
import { parseCaseFile } from './case-file.ts';
import { readText } from './manifest-sources.ts';
import type { TestSettings } from './test-options.ts';
import { isValidatorFile, parseValidatorFile } from './validator-file.ts';

/**
 * Reads files of cases, and leaves in them what `--only` says.
 *
 * @throws MeshmockError `usage`
 */
export function readCaseFiles(settings: TestSettings): CaseFile[] {
  const { files, only } = settings;
  const read = files.map((name) => readCaseFile(name, settings));
  if (only.length === 0) return read;
  const meant = ({ name }: Case): boolean => only.some((part) => name.includes(part));
  const left = read
    .map((file) => ({
      ...file,
      before: file.before.filter(meant),
      cases: file.cases.filter(meant),
      always: file.always.filter(meant),
    }))
    .filter(({ before, cases, always }) => before.length + cases.length + always.length > 0);
  if (left.length === 0)
    throw new MeshmockError('usage', `no case has ${only.map((part) => `"${part}"`).join(' or ')} in its name`);
  return left;
}

function readCaseFile(name: string, { timeout, retryUntil = 0, manifests, entry }: TestSettings): CaseFile {
  const content = readText(name);
  const parse = isValidatorFile(content) ? parseValidatorFile : parseCaseFile;
  const file = parse(content, name, { timeoutMs: timeout, retryUntilMs: retryUntil });
  const all = { ...file, manifests: [...manifests, ...file.manifests] };
  // Those of a running mesh are somebody else's, and need not be here.
  const missing = [...all.manifests, ...all.change].find((path) => entry.length === 0 && !existsSync(path));
  if (missing !== undefined) throw new MeshmockError('usage', `${name}: there is no file or folder ${missing}`);
  return all;
}
