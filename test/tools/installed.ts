import path from 'node:path';
import { installTools } from '../../src/istio/tools/install-tools.ts';

/** The folders of programs that only tests need, got first if need be. Throws when one cannot be had. */
export function installTestTools<Name extends string>(names: readonly Name[]): Promise<Record<Name, string>> {
  return installTools(names, new AbortController().signal, path.join(import.meta.dirname, 'install.sh'));
}
