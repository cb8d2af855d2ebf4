import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Range,
} from 'yaml';
import { parseUpstream } from '../execute/role.ts';
import { MeshmockError, type TextPlace } from '../plan/error.ts';
import { hostProblem } from '../plan/fields.ts';
import { parseDirectives } from '../plan/parse.ts';
import { noLimits } from '../plan/plan.ts';
import { label, text } from './option-values.ts';

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

type Fields = ReadonlyMap<string, Node>;

class MeshFileReader {
  private readonly text: string;
  private readonly file: string;
  private readonly lines = new LineCounter();
  private readonly document: Document.Parsed;

  constructor(text: string, file: string) {
    this.text = text;
    this.file = file;
    // Everything is text, so that a version 1.10 stays one.
    this.document = parseDocument(text, { lineCounter: this.lines, prettyErrors: false, schema: 'failsafe' });
  }

  mesh(): MeshFile {
    const [error] = this.document.errors;
    if (error !== undefined) throw this.fail(error.pos[0], `this is no YAML: ${error.message}`);
    const services = this.list(
      this.fields(this.document.contents, ['services'], 'a list under "services:"').get('services'),
    );
    const entries = services.map((node) => this.service(node));
    this.checkNames(entries, services);
    const pods = entries.flatMap(({ versions }) => versions).reduce((sum, { replicas }) => sum + replicas, 0);
    if (pods > mostPods) throw this.fail(0, `expected at most ${mostPods} pods in all, found ${pods}`);
    return { services: entries };
  }

  /** By each name exactly one service is reached, whatever the case of its letters; versions have names as well. */
  private checkNames(entries: readonly ServiceEntry[], nodes: readonly Node[]): void {
    const taken = new Set<string>();
    for (const [index, { name, versions }] of entries.entries()) {
      const subsets = versions.map((version) => subsetName(name, version, versions));
      for (const host of versions.length > 1 ? [name, ...subsets] : subsets) {
        const problem = hostProblem(host);
        if (problem !== undefined) throw this.failAt(nodes[index], `${problem}, as which others call it`);
        if (taken.has(host.toLowerCase())) throw this.failAt(nodes[index], `another name: ${host} is there already`);
        taken.add(host.toLowerCase());
      }
    }
  }

  private service(node: Node): ServiceEntry {
    const fields = this.fields(node, ['name', 'versions', ...podFields], 'a service with a name');
    const name = this.checked(fields.get('name') ?? node, label, fields.has('name') ? undefined : 'a name');
    const common = this.pods(fields, {});
    const versions = fields.get('versions');
    if (versions !== undefined && fields.has('version'))
      throw this.failAt(fields.get('version'), 'either version or versions, which have their own');
    if (versions === undefined) return { name, versions: [{ version: 'v1', replicas: 1, ...common }] };
    return {
      name,
      versions: this.list(versions).map((item) => {
        const own = this.fields(item, podFields, 'a version such as "- version: v1"');
        if (!own.has('version')) throw this.failAt(item, 'a version such as "version: v1"');
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
        settings[name] = this.checked(node, (value) => {
          check(value);
          return value;
        });
    }
    if (settings.upstream !== undefined && settings.content !== undefined)
      throw this.failAt(
        fields.get('content') ?? fields.get('upstream'),
        'one of upstream (a proxy) and content (a webserver)',
      );
    const version = fields.get('version');
    const replicas = fields.get('replicas');
    return {
      ...(version === undefined ? {} : { version: this.checked(version, label) }),
      ...(replicas === undefined ? {} : { replicas: this.replicas(replicas) }),
      settings,
    };
  }

  private replicas(node: Node): number {
    const value = Number(this.checked(node, text));
    if (Number.isInteger(value) && value >= 1 && value <= mostPods) return value;
    throw this.failAt(node, `a number of replicas from 1 to ${mostPods}`);
  }

  /** The text of a scalar, if the check takes it. */
  private checked(node: Node, check: (value: string) => string, expected = 'a single value'): string {
    const scalar = this.resolved(node);
    if (!isScalar(scalar) || scalar.value === '') throw this.failAt(node, expected);
    try {
      return check(String(scalar.value));
    } catch (error) {
      const { message, place } = error as MeshmockError;
      throw this.fail((node.range as Range)[0], message, place);
    }
  }

  private fields(node: Node | null | undefined, known: readonly string[], expected: string): Fields {
    const map = this.resolved(node);
    if (!isMap(map)) throw this.failAt(node, expected);
    const fields = new Map<string, Node>();
    for (const { key, value } of map.items) {
      const name = isScalar(key) ? String(key.value) : '';
      if (!known.includes(name)) throw this.failAt(key as Node, `one of ${known.join(', ')}`);
      if (value === null) throw this.failAt(key as Node, `a value for ${name}`);
      fields.set(name, value as Node);
    }
    return fields;
  }

  private list(node: Node | undefined): readonly Node[] {
    const list = this.resolved(node);
    if (!isSeq(list) || list.items.length === 0)
      throw this.failAt(node, 'a list with at least one entry, such as "- name: a"');
    return list.items as Node[];
  }

  /** What an alias (`*name`) stands for. */
  private resolved(node: Node | null | undefined): Node | null | undefined {
    return isAlias(node) ? node.resolve(this.document) : node;
  }

  private failAt(node: Node | null | undefined, expected: string): MeshmockError {
    const offset = node?.range?.[0] ?? 0;
    const { line, col } = this.placeOf(offset);
    const text = this.text.split(/\r?\n/)[line - 1] ?? '';
    return this.fail(offset, `expected ${expected}`, { text, offset: col - 1, expected });
  }

  private placeOf(offset: number): { line: number; col: number } {
    return this.lines.linePos(Math.min(offset, this.text.length));
  }

  private fail(offset: number, message: string, place?: TextPlace): MeshmockError {
    const { line, col } = this.placeOf(offset);
    return new MeshmockError('usage', `${this.file}:${line}:${col}: ${message}`, place === undefined ? {} : { place });
  }
}
