import type { Random } from '../../random.ts';
import { mutate } from './paths.ts';

const values = [
  '',
  '~',
  '[]',
  '{}',
  '- ',
  '1',
  '1.10',
  'true',
  '"x',
  "'",
  '|',
  '>-',
  '&a',
  '*a',
  '*missing',
  '!!binary x',
  '!!js/x y',
];
const values2 = [
  '2001-01-01',
  '0x1F',
  '.inf',
  '<<: *a',
  '? a',
  '%YAML 9.9',
  '\u0000',
  '\ufeff',
  'ä'.repeat(300),
  '__proto__',
];

/** Changes a YAML text in a few places, mostly in its structure. */
export function mutateYaml(random: Random, text: string): string {
  const lines = text.split('\n');
  for (let change = 0; change <= random.below(4); change++) changeLine(random, lines);
  const changed = lines.join('\n');
  if (random.chance(0.05)) return `${changed}\n---\n${nested(random)}`;
  return random.chance(0.1) ? mutate(random, changed) : changed;
}

function changeLine(random: Random, lines: string[]): void {
  const at = random.below(lines.length);
  const line = lines[at] ?? '';
  const value = random.pick(random.chance(0.6) ? values : values2);
  switch (random.below(8)) {
    case 0:
      lines.splice(at, 1);
      return;
    case 1:
      lines.splice(at, 0, line);
      return;
    case 2:
      lines[at] = `${' '.repeat(random.below(4))}${line}`;
      return;
    case 3:
      lines[at] = line.replace(/^ {1,2}/, '');
      return;
    case 4:
      lines[at] = line.replace(/:.*$/, `: ${value}`);
      return;
    case 5:
      lines[at] = line.replace(/[A-Za-z]+:/, `${random.pick(['kind', 'name', 'spec', 'items', 'x'])}:`);
      return;
    case 6:
      lines[at] = line.replace(/:.*$/, `: ${nested(random)}`);
      return;
    default:
      lines[at] = `${line}${value}`;
  }
}

/** Returns a value that is nested deep, or that aliases make large. */
function nested(random: Random): string {
  const depth = random.pick([3, 50, 2000]);
  switch (random.below(4)) {
    case 0:
      return '['.repeat(depth) + (random.chance(0.5) ? ']'.repeat(depth) : '');
    case 1:
      return `${'{a: '.repeat(depth)}1${random.chance(0.5) ? '}'.repeat(depth) : ''}`;
    case 2:
      return `[&a [x, x], ${Array.from({ length: 12 }, (_, index) => `&a${index} [${'*a, '.repeat(9)}*a]`).join(', ')}]`;
    default:
      return '&a [*a]';
  }
}
