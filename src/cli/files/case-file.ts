import path from 'node:path';
import type { Node } from 'yaml';
import type { CaseFile, ExpectationCase } from '../../cases/case.ts';
import { ErrorList } from '../../error/error-list.ts';
import { MeshmockError } from '../../error/meshmock-error.ts';
import { checkNamespace } from '../../manifests/called-services.ts';
import { text, yesOrNo } from '../../options/option-values.ts';
import { type CaseDefaults, CaseReader } from './case-reader.ts';
import { type Fields, YamlFile } from './yaml-file.ts';

const fileFields = ['manifests', 'meshConfig', 'namespace', 'fill', 'before', 'apply', 'cases', 'always'];

/**
 * Parses a file of cases.
 *
 * @param file path of the file; its errors start with it, and paths in the file are relative to its folder
 * @throws MeshmockError `usage` with line and column; it has all errors of the file
 * @example
 * const text = 'cases:\n  - { name: answers, call: /@reviews/x, expect: status = 200 }';
 * parseCaseFile(text, 'test.yaml', { timeoutMs: 10_000, retryUntilMs: 0 }).cases[0]?.name; // 'answers'
 */
export function parseCaseFile(content: string, file: string, defaults: CaseDefaults): CaseFile<ExpectationCase> {
  return new CaseFileReader(content, file, defaults).read();
}

class CaseFileReader {
  private readonly name: string;
  private readonly yaml: YamlFile;
  private readonly errors = new ErrorList();
  private readonly reader: CaseReader;

  constructor(content: string, file: string, defaults: CaseDefaults) {
    this.name = file;
    this.yaml = new YamlFile(content, file);
    const { yaml, errors } = this;
    this.reader = new CaseReader({ yaml, errors, defaults, pathOf: (name) => this.path(name) });
  }

  read(): CaseFile<ExpectationCase> {
    const { yaml, errors } = this;
    const fields = yaml.knownFields(yaml.contents, fileFields, 'cases under "cases:"', errors);
    const before = this.cases(fields.get('before'));
    const cases = this.cases(fields.get('cases'));
    const always = this.cases(fields.get('always'));
    if (!fields.has('cases') && !fields.has('always')) errors.add(yaml.errorAt(yaml.contents, 'cases under "cases:"'));
    if (before.length > 0 && !fields.has('apply'))
      errors.add(yaml.errorAt(fields.get('before'), 'a change under "apply:", because these cases run before it'));
    this.checkNames([...before, ...cases, ...always]);
    const file = {
      name: this.name,
      manifests: this.paths(fields, 'manifests'),
      change: this.paths(fields, 'apply'),
      meshConfig: this.value(fields, 'meshConfig', (value) => this.path(text(value))),
      namespace: this.value(fields, 'namespace', namespace) ?? 'default',
      fill: this.value(fields, 'fill', yesOrNo) ?? false,
      names: this.reader.names,
      before,
      cases,
      always,
    };
    errors.throwIfAny();
    return file;
  }

  private value<T>(fields: Fields, name: string, parse: (value: string) => T): T | undefined {
    return this.errors.collect(() => this.yaml.optionalScalar(fields, name, parse));
  }

  private paths(fields: Fields, name: string): string[] {
    const { yaml, errors } = this;
    const node = fields.get(name);
    const items = node && errors.collect(() => yaml.list(node, 'services.yaml'));
    return (items ?? []).flatMap((item) => errors.collect(() => this.path(yaml.parseScalar(item, text))) ?? []);
  }

  /** Returns the path of a file that is relative to the folder of this one. */
  private path(name: string): string {
    return path.isAbsolute(name) ? name : path.join(path.dirname(this.name), name);
  }

  private cases(node: Node | undefined): ExpectationCase[] {
    const items = node && this.errors.collect(() => this.yaml.list(node, 'name: jason gets v2'));
    return (items ?? []).flatMap((item) => this.reader.read(item));
  }

  /** Reports identify a case by its name alone. */
  private checkNames(cases: readonly ExpectationCase[]): void {
    const places = new Map<string, string>();
    for (const { name, where } of cases) {
      const first = places.get(name);
      if (first === undefined) places.set(name, where);
      else if (name !== '')
        this.errors.add(
          new MeshmockError(
            'usage',
            `${where}: the case at ${first} has the same name "${name}": expected another name`,
          ),
        );
    }
  }
}

function namespace(value: string): string {
  checkNamespace(value);
  return value;
}
