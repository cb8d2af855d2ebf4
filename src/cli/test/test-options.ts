import type { LiveEntry } from '../../cases/meshes/live-test-mesh.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { parseAddress } from '../../plan/address.ts';
import { durationMs, text } from '../options/option-values.ts';
import { parseOptions, type Values } from '../options/options.ts';

export const testSchema = {
  entry: {
    parse: parseEntry,
    value: '[NAME=]URL',
    help: 'a mesh that is running: a meshmock through which its services are called, or the service or gateway NAME itself; grpc://HOST:PORT for gRPC',
    repeatable: true,
  },
  istio: {
    isSwitch: true,
    help: 'a mesh without a cluster, from the manifests of each file: so if no --entry is given',
  },
  manifests: {
    parse: text,
    value: 'FILE|DIR',
    help: 'what every file is tried on, besides the manifests that it names: for those of istio-config-validator, which name none',
    repeatable: true,
  },
  only: { parse: text, value: 'TEXT', help: 'only cases with this in their names', repeatable: true },
  before: {
    isSwitch: true,
    help: 'the mesh of --entry does not have what the files apply: their cases before it are tried, not those with it',
  },
  contrast: {
    isSwitch: true,
    help: 'each case of a change has to fail without it, and each one before it with it; and all is as before once it is gone',
  },
  failUntested: {
    isSwitch: true,
    help: 'fail when no case of a file has met a route, subset or rule of its manifests',
  },
  watch: { isSwitch: true, help: 'run again whenever a file changes' },
  keep: { isSwitch: true, help: 'leave the mesh up at the end, to call it by hand; Ctrl-C ends it' },
  http: {
    parse: parseAddress,
    default: 'localhost:0',
    value: 'ADDRESS',
    help: "where the mesh's services begin to listen on this machine; port 0 is any free one",
  },
  grpc: { parse: parseAddress, default: 'localhost:0', value: 'ADDRESS', help: 'the same for gRPC' },
  timeout: {
    parse: durationMs,
    default: '10s',
    value: 'DURATION',
    help: 'longest time to wait for one answer, where a case says nothing',
  },
  retryUntil: {
    parse: durationMs,
    value: 'DURATION',
    help: 'try each case again until it holds, for so long, where it says nothing; not at all if not given',
  },
  json: { isSwitch: true, help: 'print JSON: each case with its expectations and its first answer that failed' },
  junit: { parse: text, value: 'FILE', help: 'write the cases as JUnit XML too' },
} as const;

export interface TestSettings extends Values<typeof testSchema> {
  /** Files of cases, and folders that have some. */
  readonly names: readonly string[];
}

/** @throws MeshmockError `usage` */
export function readTestSettings(args: readonly string[]): TestSettings {
  const { values, positionals } = parseOptions(testSchema, args, {});
  if (positionals.length === 0) throw new MeshmockError('usage', 'expected files of cases, or folders with them');
  if (values.entry.length > 0) {
    if (values.istio)
      throw new MeshmockError('usage', '--entry is a mesh that is running, --istio makes one: give one of them');
    if (values.contrast)
      throw new MeshmockError('usage', '--contrast changes the mesh, and one that is running is not ours to change');
    if (values.manifests.length > 0)
      throw new MeshmockError('usage', '--manifests is for a mesh that is made for the cases');
    if (values.failUntested)
      throw new MeshmockError('usage', '--fail-untested asks the proxies of a mesh that is made for the cases');
    if (values.keep) throw new MeshmockError('usage', '--keep is for a mesh that is made for the cases');
  } else if (values.before)
    throw new MeshmockError(
      'usage',
      '--before is for a mesh that is running (--entry): one of our own is tried both ways',
    );
  if (values.failUntested && values.only.length > 0)
    throw new MeshmockError('usage', '--fail-untested is about all cases, and --only leaves some out');
  return { ...values, names: positionals };
}

function parseEntry(value: string): LiveEntry {
  const [, name, url = ''] = /^(?:([a-z0-9][a-z0-9.-]*)=)?(.*)$/s.exec(value) ?? [];
  const [, scheme = 'http', authority = ''] = /^(?:(http|grpc):\/\/)?([^/?#]+)\/?$/.exec(url) ?? [];
  if (authority === '')
    throw new MeshmockError('usage', `"${value}": expected http://HOST:PORT or grpc://HOST:PORT, or NAME=URL`);
  const address = parseAddress(/:\d+$/.test(authority) ? authority : `${authority}:${scheme === 'http' ? 80 : 9090}`);
  return { name, protocol: scheme as 'http' | 'grpc', address };
}
