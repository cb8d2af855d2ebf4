import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type Range } from 'yaml';
import { parseUpstream } from '../execute/role.ts';
import { MeshmockError } from '../plan/error.ts';
import { labelProblem } from '../plan/fields.ts';
import { parseDirectives } from '../plan/parse.ts';

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
  behaviour: (value) => parseDirectives(value),
  content: (value) => value,
  upstream: parseUpstream,
  zone: (value) => label(value),
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

function label(value: string): string {
  const problem = labelProblem(value);
  if (problem !== undefined) throw new MeshmockError('usage', `expected ${problem}`);
  return value;
}

type Fields = ReadonlyMap<string, Node>;

class MeshFileReader {
  private readonly text: string;
  private readonly file: string;
  private readonly lines = new LineCounter();

  constructor(text: string, file: string) {
    this.text = text;
    this.file = file;
  }

  mesh(): MeshFile {
    const document = parseDocument(this.text, { lineCounter: this.lines, prettyErrors: false });
    const [error] = document.errors;
    if (error !== undefined) throw this.fail(error.pos[0], `this is no YAML: ${error.message}`);
    const services = this.list(
      this.fields(document.contents, ['services'], 'a list under "services:"').get('services'),
    );
    const entries = services.map((node) => this.service(node));
    const names = entries.map(({ name }) => name);
    const doubled = names.findIndex((name, index) => names.indexOf(name) < index);
    if (doubled >= 0)
      throw this.failAt(services[doubled], `another name: there is a service ${names[doubled]} already`);
    const pods = entries.flatMap(({ versions }) => versions).reduce((sum, { replicas }) => sum + replicas, 0);
    if (pods > mostPods) throw this.fail(0, `expected at most ${mostPods} pods in all, found ${pods}`);
    return { services: entries };
  }

  private service(node: Node): ServiceEntry {
    const fields = this.fields(node, ['name', 'versions', ...podFields], 'a service with a name');
    const name = this.checked(fields.get('name') ?? node, label, fields.has('name') ? undefined : 'a name');
    const common = this.pods(fields, {});
    const versions = fields.get('versions');
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
    const version = fields.get('version');
    const replicas = fields.get('replicas');
    return {
      ...(version === undefined ? {} : { version: this.checked(version, label) }),
      ...(replicas === undefined ? {} : { replicas: this.replicas(replicas) }),
      settings,
    };
  }

  private replicas(node: Node): number {
    const value = Number(this.checked(node, (text) => text));
    if (Number.isInteger(value) && value >= 1 && value <= mostPods) return value;
    throw this.failAt(node, `a number of replicas from 1 to ${mostPods}`);
  }

  /** The text of a scalar, if the check takes it. */
  private checked(node: Node, check: (value: string) => string, expected = 'a single value'): string {
    if (!isScalar(node) || node.value === null || node.value === '') throw this.failAt(node, expected);
    try {
      return check(String(node.value));
    } catch (error) {
      throw this.fail((node.range as Range)[0], (error as Error).message);
    }
  }

  private fields(node: Node | null | undefined, known: readonly string[], expected: string): Fields {
    if (!isMap(node)) throw this.failAt(node, expected);
    const fields = new Map<string, Node>();
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : '';
      if (!known.includes(name)) throw this.failAt(key as Node, `one of ${known.join(', ')}`);
      if (value === null) throw this.failAt(key as Node, `a value for ${name}`);
      fields.set(name, value as Node);
    }
    return fields;
  }

  private list(node: Node | undefined): readonly Node[] {
    if (!isSeq(node) || node.items.length === 0) throw this.failAt(node, 'a list with at least one entry');
    return node.items as Node[];
  }

  private failAt(node: Node | null | undefined, expected: string): MeshmockError {
    return this.fail(node?.range?.[0] ?? 0, `expected ${expected}`, expected);
  }

  private fail(offset: number, message: string, expected?: string): MeshmockError {
    const { line, col } = this.lines.linePos(Math.min(offset, this.text.length));
    const text = this.text.split('\n')[line - 1] ?? '';
    const where = expected === undefined ? {} : { place: { text, offset: col - 1, expected } };
    return new MeshmockError('usage', `${this.file}:${line}:${col}: ${message}`, where);
  }
}
