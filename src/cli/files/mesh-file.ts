import type { Node } from 'yaml';
import { parseUpstream } from '../../execute/octopus.ts';
import { hostProblem } from '../../plan/fields.ts';
import { parseDirectives } from '../../plan/parse.ts';
import { noLimits } from '../../plan/plan.ts';
import { label, text } from '../options/option-values.ts';
import { type Fields, YamlFile } from './yaml-file.ts';

/** A mesh of `meshmock up`: its services, each with the versions that stand behind its name. */
export interface MeshFile {
  readonly services: readonly ServiceEntry[];
}

export interface ServiceEntry {
  readonly name: string;
  readonly versions: readonly VersionEntry[];
}

/** The pods of one version, all alike. */
export interface VersionEntry {
  readonly version: string;
  readonly replicas: number;
  /** Flags of `meshmock serve` by their names there, such as `behaviour`. */
  readonly settings: Readonly<Record<string, string>>;
}

/** Pods are processes: more would bring a laptop to its knees. */
const mostPods = 50;

/** What a service or a version may say of its pods, handed on to `meshmock serve`. */
const settingChecks: Readonly<Record<string, (value: string) => unknown>> = {
  // Its limits are its own, and it checks them.
  behaviour: (value) => parseDirectives(value, noLimits),
  content: text,
  upstream: parseUpstream,
  zone: label,
};

const podFields = ['version', 'replicas', ...Object.keys(settingChecks)];

/**
 * Reads a mesh from YAML.
 *
 * @param file stands before each error, with line and column
 * @throws MeshmockError `usage`
 */
export function parseMeshFile(text: string, file: string): MeshFile {
  return new MeshFileReader(text, file).mesh();
}

/** The name of one version of a service: the service's own, when there is no other version. */
export function subsetName(service: string, { version }: VersionEntry, versions: readonly VersionEntry[]): string {
  return versions.length > 1 ? `${service}-${version}` : service;
}

class MeshFileReader {
  private readonly file: YamlFile;

  constructor(text: string, file: string) {
    this.file = new YamlFile(text, file);
  }

  mesh(): MeshFile {
    const { file } = this;
    const services = file.list(
      file.fields(file.contents, ['services'], 'a list under "services:"').get('services'),
      'name: a',
    );
    const entries = services.map((node) => this.service(node));
    this.checkNames(entries, services);
    const pods = entries.flatMap(({ versions }) => versions).reduce((sum, { replicas }) => sum + replicas, 0);
    if (pods > mostPods) throw file.errorAt(undefined, `at most ${mostPods} pods in all, found ${pods}`);
    return { services: entries };
  }

  /** By each name exactly one service is reached, whatever the case of its letters; versions have names as well. */
  private checkNames(entries: readonly ServiceEntry[], nodes: readonly Node[]): void {
    const taken = new Set<string>();
    for (const [index, { name, versions }] of entries.entries()) {
      const subsets = versions.map((version) => subsetName(name, version, versions));
      for (const host of versions.length > 1 ? [name, ...subsets] : subsets) {
        const problem = hostProblem(host);
        if (problem !== undefined) throw this.file.errorAt(nodes[index], `${problem}, as which others call it`);
        if (taken.has(host.toLowerCase()))
          throw this.file.errorAt(nodes[index], `another name: ${host} is there already`);
        taken.add(host.toLowerCase());
      }
    }
  }

  private service(node: Node): ServiceEntry {
    const { file } = this;
    const fields = file.fields(node, ['name', 'versions', ...podFields], 'a service with a name');
    const name = file.parseScalar(fields.get('name') ?? node, label, fields.has('name') ? undefined : 'a name');
    const common = this.pods(fields, {});
    const versions = fields.get('versions');
    if (versions !== undefined && fields.has('version'))
      throw file.errorAt(fields.get('version'), 'either version or versions, which have their own');
    if (versions === undefined) return { name, versions: [{ version: 'v1', replicas: 1, ...common }] };
    return {
      name,
      versions: file.list(versions, 'version: v1').map((item) => {
        const own = file.fields(item, podFields, 'a version such as "- version: v1"');
        if (!own.has('version')) throw file.errorAt(item, 'a version such as "version: v1"');
        return { version: 'v1', replicas: 1, ...common, ...this.pods(own, common.settings) };
      }),
    };
  }

  private pods(
    fields: Fields,
    common: Readonly<Record<string, string>>,
  ): { version?: string; replicas?: number; settings: Record<string, string> } {
    const settings: Record<string, string> = { ...common };
    for (const [name, check] of Object.entries(settingChecks)) {
      const node = fields.get(name);
      if (node !== undefined)
        settings[name] = this.file.parseScalar(node, (value) => {
          check(value);
          return value;
        });
    }
    if (settings.upstream !== undefined && settings.content !== undefined)
      throw this.file.errorAt(
        fields.get('content') ?? fields.get('upstream'),
        'one of upstream (a proxy) and content (a webserver)',
      );
    const version = fields.get('version');
    const replicas = fields.get('replicas');
    return {
      ...(version === undefined ? {} : { version: this.file.parseScalar(version, label) }),
      ...(replicas === undefined ? {} : { replicas: this.replicas(replicas) }),
      settings,
    };
  }

  private replicas(node: Node): number {
    const value = Number(this.file.parseScalar(node, text));
    if (Number.isInteger(value) && value >= 1 && value <= mostPods) return value;
    throw this.file.errorAt(node, `a number of replicas from 1 to ${mostPods}`);
  }
}
