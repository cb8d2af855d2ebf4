import type { Node } from 'yaml';
import type { CaseRequest, CaseStep, ExpectationCase, NamedPart, WorkloadFault } from '../../cases/case.ts';
import { ErrorList } from '../../error/error-list.ts';
import { durationMs, text } from '../../options/option-values.ts';
import { parseDirectives } from '../../plan/parse.ts';
import { noLimits } from '../../plan/plan.ts';
import { hasSameShape } from '../../plan/shape.ts';
import { RequestReader, requestFields } from './case-request.ts';
import { type CaseRow, readTable, rowName } from './case-table.ts';
import { type CaseTexts, noTexts, withTexts } from './case-texts.ts';
import type { Fields, MapEntry, YamlFile } from './yaml-file.ts';

/** Field of a case with the rows of a table. */
const tableField = 'for each';

const caseFields = ['name', ...requestFields, 'retry-until', 'given', 'then', tableField];

/** Times of a case that sets none. */
export interface CaseDefaults {
  /** Timeout of one request, in milliseconds. */
  readonly timeoutMs: number;
  /** Time for which a case that fails is tried again, in milliseconds. */
  readonly retryUntilMs: number;
}

/** Settings of a reader of cases. */
export interface CaseReaderOptions {
  readonly yaml: YamlFile;
  /** List for the errors of all cases. */
  readonly errors: ErrorList;
  readonly defaults: CaseDefaults;
  /** Returns the path of a file that the file of cases names. */
  readonly pathOf: (name: string) => string;
}

/** Reader of the cases of a file. */
export class CaseReader {
  private readonly options: CaseReaderOptions;
  /** Names of services and workloads in the cases read so far. */
  readonly names: NamedPart[] = [];

  constructor(options: CaseReaderOptions) {
    this.options = options;
  }

  /** Returns the case of a node, or one for each row of its table. Errors are kept. */
  read(node: Node): ExpectationCase[] {
    const { yaml, errors } = this.options;
    const table = errors.collect(() =>
      yaml.entries(node, 'a case with a name, a call and what to expect').get(tableField),
    );
    const rows = table && errors.collect(() => readTable(yaml, table.value));
    if (table === undefined) return [this.case(node, undefined)].filter((one) => one !== undefined);
    return (rows ?? []).flatMap((row) => this.case(node, row) ?? []);
  }

  private case(node: Node, row: CaseRow | undefined): ExpectationCase | undefined {
    const { errors } = this.options;
    return errors.collect(() => this.caseOf(node, row));
  }

  private caseOf(original: Node, row: CaseRow | undefined): ExpectationCase {
    const { yaml, errors, defaults } = this.options;
    const originals = yaml.entries(original, 'a case');
    const texts: CaseTexts = row === undefined ? noTexts : { ...noTexts, row: row.values };
    // Values of `then` are known later. The table itself has no references.
    const node = withTexts(yaml, original, texts, ['then', tableField]);
    const fields = yaml.knownFields(node, caseFields, 'a case with a name, a call and what to expect', errors);
    const title = errors.collect(() => yaml.required(node, fields, 'name', 'jason gets v2'));
    const name = (title && errors.collect(() => yaml.parseScalar(title, text))) ?? '';
    const requests = new RequestReader(yaml, errors, this.options.pathOf);
    const first = requests.read(node, fields, {
      from: undefined,
      protocol: 'http',
      host: undefined,
      timeoutMs: defaults.timeoutMs,
      tls: {},
    });
    this.names.push(...requests.names);
    return {
      ...first,
      kind: 'expectations',
      name: row === undefined ? name : rowName(this.writtenName(originals), name, row),
      where: yaml.whereIs(row?.node ?? original),
      retryUntilMs:
        errors.collect(() => yaml.optionalScalar(fields, 'retry-until', durationMs)) ?? defaults.retryUntilMs,
      then: this.steps(fields.get('then'), first, texts),
      faults: this.faults(fields),
    };
  }

  /** Returns the name of a case with the references of its table. */
  private writtenName(entries: ReadonlyMap<string, MapEntry>): string {
    const name = entries.get('name');
    return name === undefined ? '' : this.options.yaml.textOf(name.value);
  }

  private steps(node: Node | undefined, first: CaseRequest, texts: CaseTexts): CaseStep[] {
    if (node === undefined) return [];
    const { yaml, errors } = this.options;
    const nodes = errors.collect(() => yaml.list(node, '{ call: /@reviews/x, expect: reviews version = v2 }')) ?? [];
    const known = new Set(first.captures.map(({ name }) => name));
    return nodes.flatMap((step) => {
      // A value that the answers will have. Most fields can have it.
      const placeholders = new Map([...known].map((name) => [name, 'captured']));
      const read = (captured: ReadonlyMap<string, string>, list: ErrorList, names: NamedPart[]) => {
        const copy = withTexts(yaml, step, { ...texts, captured });
        const fields = yaml.knownFields(copy, requestFields, 'a request with a call and what to expect', list);
        const reader = new RequestReader(yaml, list, this.options.pathOf);
        const request = reader.read(copy, fields, first);
        names.push(...reader.names);
        return request;
      };
      const checked = errors.collect(() => read(placeholders, errors, this.names));
      if (checked === undefined) return [];
      for (const { name } of checked.captures) known.add(name);
      const one: CaseStep = {
        sample: checked,
        requestWith: (captured) => {
          const list = new ErrorList();
          const request = read(captured, list, []);
          list.throwIfAny();
          if (hasSameShape(request.plan, checked.plan)) return request;
          throw yaml.errorAt(step, 'captured values without the parts of a plan, such as "@", "~", "," or "|"');
        },
      };
      return [one];
    });
  }

  private faults(fields: Fields): WorkloadFault[] {
    const { yaml, errors } = this.options;
    const node = fields.get('given');
    if (node === undefined) return [];
    const expected = 'faults such as "reviews: /~status=503:version=v2", "reviews: not-ready" or "reviews-v2: down"';
    const entries = errors.collect(() => yaml.entries(node, expected));
    return [...(entries ?? [])].flatMap(([name, { key, value }]) => {
      const fault = errors.collect(() => yaml.parseScalar(value, (content) => faultOf(name, content)));
      if (fault === undefined) return [];
      const kind = fault.kind === 'replicas' ? 'workload' : 'service';
      this.names.push({ kind, name, place: yaml.placeIn(key) });
      return [fault];
    });
  }
}

function faultOf(name: string, content: string): WorkloadFault {
  if (content === 'down') return { kind: 'replicas', workload: name, replicas: 0 };
  if (content === 'not-ready') return { kind: 'not_ready', service: name };
  parseDirectives(content, noLimits);
  return { kind: 'behaviour', service: name, directives: content };
}
