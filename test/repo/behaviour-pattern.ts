/** The grammar of directives as a regular expression, for the JSON schema of the chart. Go's regular expressions read it too. */
import { grpcStatusNames } from '../../src/plan/plan.ts';

/** Returns a pattern for a structural character, which may be percent-encoded. */
function sign(char: string): string {
  const hex = char.charCodeAt(0).toString(16);
  const digits = [...hex].map((digit) => (/\d/.test(digit) ? digit : `[${digit}${digit.toUpperCase()}]`));
  return `(?:${char.replace(/[[\]()|*]/, String.raw`\$&`)}|%${digits.join('')})`;
}

const either = (...patterns: readonly string[]): string => `(?:${patterns.join('|')})`;

const duration = String.raw`\d{1,9}(?:\.\d{1,6})?(?:us|ms|s|m)`;
const size = String.raw`\d{1,10}(?:\.\d{1,6})?(?:B|KB|MB|GB|KiB|MiB|GiB)`;
const percentile = String.raw`p\d{1,3}(?:\.\d{1,3})?${sign('=')}${duration}`;
/** 1 to 1000, with at most 4 digits. */
const thousand = either('0{0,3}[1-9]', String.raw`0{0,2}[1-9]\d`, String.raw`0?[1-9]\d\d`, '1000');
const label = '[A-Za-z0-9._-]{1,253}';

const delay = either(`${duration}(?:-${duration})?`, `${percentile}(?:${sign(',')}${percentile})*`);

const nameChar = '[0-9A-Za-z_.-]';
/** Printable ASCII without `]` and `%`, and encoded printable ASCII. An encoded bracket is closed by an encoded one. */
const valueChar = String.raw`[ -$&-\\^-~]`;
const encoded = '%(?:[2-6][0-9A-Fa-f]|7[0-9A-Ea-e])';
const encodedButBracket = '%(?:[2-46][0-9A-Fa-f]|5[0-9A-CEFa-cef]|7[0-9A-Ea-e])';
const header = either(
  String.raw`\[${nameChar}+${sign('=')}(?:${valueChar}|${encoded})*\]`,
  `%5[bB]${nameChar}+${sign('=')}(?:${valueChar}|${encodedButBracket})*${sign(']')}`,
);

/** Text of a body. Bytes of UTF-8 are not checked. */
const body = String.raw`(?:[^/:?#%\s]|%[0-9A-Fa-f]{2})*`;

const behaviour = either(
  'close',
  'hang',
  `delay${sign('=')}${delay}`,
  String.raw`status${sign('=')}[2-5]\d\d`,
  `grpc-status${sign('=')}${either(...grpcStatusNames)}`,
  `size${sign('=')}${size}`,
  `memory${sign('=')}${size}`,
  `cpu${sign('=')}${duration}`,
  `body${sign('=')}${body}`,
  `${either('header', 'trailer')}${header}`,
  `${either('chunks', 'events')}${sign('=')}${thousand}${sign('/')}${duration}`,
);

const condition = either(
  '0{0,2}1',
  String.raw`1\.0{1,6}`,
  String.raw`0?\.\d{1,6}`,
  String.raw`\d{1,7}in\d{1,7}`,
  `attempt${sign('=')}${thousand}`,
  `attempt${sign('<')}${thousand}`,
  `${either('version', 'pod', 'zone')}${sign('=')}${label}`,
);

/** Pattern of a text that is only directives, such as `/~delay=200ms/~status=503:0.1`. */
export const behaviourPattern = `^(?:${sign('/')}{1,2}${sign('~')}${behaviour}(?:${sign(':')}${condition})*)+$`;
