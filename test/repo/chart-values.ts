/** The reference of the chart's values, from its schema and its defaults. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

interface Schema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

const chart = new URL('../../kubernetes/chart/', import.meta.url);

/** Value of the chart, with its path such as `image.tag` or `services[].name`. */
export interface ChartValue {
  readonly path: string;
  readonly description: string | undefined;
  /** Undefined if it has none. */
  readonly defaultValue: unknown;
}

/** Returns all values of the chart, in the order of the schema. */
export function chartValues(): ChartValue[] {
  const schema = JSON.parse(readFileSync(new URL('values.schema.json', chart), 'utf8')) as Schema;
  const defaults = parse(readFileSync(new URL('values.yaml', chart), 'utf8'));
  return valuesIn(schema, defaults, '').filter(({ path }) => path !== 'global');
}

function valuesIn({ properties = {} }: Schema, defaults: unknown, prefix: string): ChartValue[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const path = `${prefix}${name}`;
    const defaultValue = (defaults as Record<string, unknown> | undefined)?.[name];
    const own = { path, description: schema.description, defaultValue };
    if (schema.properties !== undefined) return valuesIn(schema, defaultValue, `${path}.`);
    const items = schema.items?.properties === undefined ? [] : valuesIn(schema.items, undefined, `${path}[].`);
    return [own, ...items];
  });
}

/** Returns the table of the docs. */
export function chartValuesTable(): string {
  const rows = chartValues().map(
    ({ path, description, defaultValue }) => `| \`${path}\` | ${defaultText(path, defaultValue)} | ${description} |`,
  );
  return ['| value | default | meaning |', '|---|---|---|', ...rows].join('\n');
}

function defaultText(path: string, value: unknown): string {
  if (path === 'services') return 'the demo';
  return value === undefined ? '' : `\`${JSON.stringify(value)}\``;
}
