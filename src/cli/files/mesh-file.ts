import path from 'node:path';
import type { Node } from 'yaml';
import { optional } from '../../error/optional.ts';
import { parseUpstream } from '../../execute/octopus.ts';
import { label, text } from '../../options/option-values.ts';
import { hostProblem } from '../../plan/fields.ts';
import { parseDirectives } from '../../plan/parse.ts';
import { noLimits } from '../../plan/plan.ts';
import { type Fields, YamlFile } from './yaml-file.ts';

/** A mesh of `meshmock up`. */
export interface MeshFile {
  readonly services: readonly ServiceEntry[];
}

export interface ServiceEntry {
  readonly name: string;
  /** Versions that answer by the name of the service. */
  readonly versions: readonly VersionEntry[];
}

/** Pods of one version, which are all equal. */
export interface VersionEntry {
  readonly version: string;
  readonly replicas: number;
  /** Settings of `meshmock serve`, by the names of its flags. */
  readonly settings: Readonly<Record<string, string>>;
  /** `FILE:LINE` of each setting. */
  readonly places: Readonly<Record<string, string>>;
}

/** Maximum number of pods. Each is a process, and more would overload a laptop. */
const mostPods = 50;

/** Fields of a service or a version that become settings of `meshmock serve`, with their parsers. */
const settingChecks: Readonly<Record<string, (value: string) => unknown>> = {
  // `meshmock serve` checks directives against its limits.
  behaviour: (value) => parseDirectives(value, noLimits),
  answers: text,
  content: text,
  upstream: parseUpstream,
  zone: label,
};

const podFields = ['version', 'replicas', ...Object.keys(settingChecks)];

/**
 * Parses a mesh from YAML.
 *
 * @param file path of the file; its errors start with it
 * @throws MeshmockError `usage` with line and column
 * @example
 * parseMeshFile('services:\n  - { name: reviews, version: v2 }', 'mesh.yaml').services[0]?.name; // 'reviews'
 */
export function parseMeshFile(text: string, file: string): MeshFile {
  return new MeshFileReader(text, file).mesh();
}

/** Returns the name of one version of a service, such as `reviews-v2`; the name of the service for an only version. */
export function subsetName(service: string, { version }: VersionEntry, versions: readonly VersionEntry[]): string {
  return versions.length > 1 ? `${service}-${version}` : service;
}

class MeshFileReader {
  private readonly file: YamlFile;

  /** Folder of the file. */
  private readonly folder: string;

  constructor(text: string, file: string) {
    this.folder = path.dirname(file);
    this.file = new YamlFile(text, file);
  }

  mesh(): MeshFile {
    const { file } = this;
    const fields = file.fields(file.contents, ['services'], 'a list under "services:"');
    const services = file.list(fields.get('services'), 'name: a');
    const entries = services.map((node) => this.service(node));
    this.checkNames(entries, services);
    const pods = entries.flatMap(({ versions }) => versions).reduce((sum, { replicas }) => sum + replicas, 0);
    if (pods > mostPods) throw file.errorAt(undefined, `at most ${mostPods} pods, found ${pods}`);
    return { services: entries };
  }

  /** Checks that the names of services and versions are unique host names. Upper and lower case are equal. */
  private checkNames(entries: readonly ServiceEntry[], nodes: readonly Node[]): void {
    const used = new Set<string>();
    for (const [index, { name, versions }] of entries.entries()) {
      const subsets = versions.map((version) => subsetName(name, version, versions));
      for (const host of versions.length > 1 ? [name, ...subsets] : subsets) {
        const problem = hostProblem(host);
        if (problem !== undefined)
          throw this.file.errorAt(nodes[index], `${problem}, because other services call it by its name`);
        if (used.has(host.toLowerCase()))
          throw this.file.errorAt(nodes[index], `another name: ${host} is already in use`);
        used.add(host.toLowerCase());
      }
    }
  }

  private service(node: Node): ServiceEntry {
    const { file } = this;
    const fields = file.fields(node, ['name', 'versions', ...podFields], 'a service with a name');
    const name = file.parseScalar(file.required(node, fields, 'name', 'reviews'), label);
    const common = this.pods(fields, { settings: {}, places: {} });
    const versions = fields.get('versions');
    if (versions !== undefined && fields.has('version'))
      throw file.errorAt(fields.get('version'), 'version or versions, not both');
    if (versions === undefined) return { name, versions: [{ version: 'v1', replicas: 1, ...common }] };
    return {
      name,
      versions: file.list(versions, 'version: v1').map((item) => {
        const versionFields = file.fields(item, podFields, 'a version such as "- version: v1"');
        file.required(item, versionFields, 'version', 'v1');
        return { version: 'v1', replicas: 1, ...common, ...this.pods(versionFields, common) };
      }),
    };
  }

  private pods(
    fields: Fields,
    common: Pick<VersionEntry, 'settings' | 'places'>,
  ): Partial<VersionEntry> & Pick<VersionEntry, 'settings' | 'places'> {
    const settings: Record<string, string> = { ...common.settings };
    const places: Record<string, string> = { ...common.places };
    for (const [name, check] of Object.entries(settingChecks)) {
      const node = fields.get(name);
      if (node === undefined) continue;
      places[name] = this.file.whereIs(node).replace(/:\d+$/, '');
      settings[name] = this.file.parseScalar(node, (value) => {
        check(value);
        // Paths in a file are relative to its folder.
        return name === 'answers' && !path.isAbsolute(value) ? path.join(this.folder, value) : value;
      });
    }
    const roles = ['upstream', 'content', 'answers'].filter((name) => settings[name] !== undefined);
    if (roles.length > 1)
      throw this.file.errorAt(
        fields.get('content') ?? fields.get('answers') ?? fields.get('upstream'),
        settings.answers === undefined
          ? 'upstream (a proxy) or content (a web server), not both'
          : 'answers (a stand-in) without upstream (a proxy) and content (a web server)',
      );
    const version = this.file.optionalScalar(fields, 'version', label);
    const replicas = this.file.optionalNode(fields, 'replicas', (node) => this.replicas(node));
    return { ...optional('version', version), ...optional('replicas', replicas), settings, places };
  }

  private replicas(node: Node): number {
    const value = Number(this.file.parseScalar(node, text));
    if (Number.isInteger(value) && value >= 1 && value <= mostPods) return value;
    throw this.file.errorAt(node, `a number of replicas from 1 to ${mostPods}`);
  }
}
