import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { parse } from 'yaml';
import { MeshmockError } from '../../src/error/meshmock-error.ts';
import { formatDirective } from '../../src/plan/format.ts';
import { parseDirectives } from '../../src/plan/parse.ts';
import { noLimits } from '../../src/plan/plan.ts';
import fc from '../fast-check.ts';
import { directive } from '../plan/arbitrary-plan.ts';
import { behaviourPattern } from './behaviour-pattern.ts';
import { chartValues } from './chart-values.ts';

const pattern = new RegExp(behaviourPattern);

const directives = fc.array(directive, { minLength: 1, maxLength: 3 }).map((all) => all.map(formatDirective).join(''));

/** Structural characters may be percent-encoded outside of bodies and header values. */
const partlyEncoded = fc
  .tuple(directives, fc.infiniteStream(fc.boolean()))
  .map(([text, choices]) =>
    text.includes('[') || text.includes('body')
      ? text
      : text.replaceAll(/[/~:=,<]/g, (char) => (choices.next().value ? `%${char.charCodeAt(0).toString(16)}` : char)),
  );

/** Texts that are nearly directives. */
const damaged = fc
  .tuple(
    directives,
    fc.nat(),
    fc.constantFrom(...'/~:=,<%[]0159.-apmsinBK ?#\t\n'),
    fc.constantFrom('insert', 'replace', 'drop'),
  )
  .map(([text, place, char, how]) => {
    const at = place % (text.length + 1);
    return text.slice(0, at) + (how === 'drop' ? '' : char) + text.slice(how === 'insert' ? at : at + 1);
  });

/** Errors of values that the parser compares, or that depend on another part. A pattern cannot express them. */
const beyondPattern = [
  /a range that rises/,
  /percentiles that rise|a percentile with|a delay that is not shorter|percentiles such as/,
  // A day, and 4 GiB.
  /a duration such as|a delay such as|a size such as/,
  /a share over 0/,
  /an exact share/,
  /an attempt from 2/,
  /a header other than|a trailer other than|a type that browsers do not run|a host, or HOST:PORT/,
  /percent-encoded UTF-8/,
];

function problemOf(text: string): string | undefined {
  try {
    parseDirectives(text, noLimits);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof MeshmockError);
    return error.message;
  }
}

suite('behaviour in the schema of the chart', () => {
  test('has the pattern of the grammar', () => {
    const schema = JSON.parse(
      readFileSync(new URL('../../kubernetes/chart/values.schema.json', import.meta.url), 'utf8'),
    );
    assert.equal(schema.definitions.behaviour.pattern, behaviourPattern);
  });

  test('accepts every text that the parser accepts', () => {
    fc.assert(
      fc.property(fc.oneof(directives, partlyEncoded, damaged), (text) => {
        if (problemOf(text) === undefined) assert.match(text, pattern);
      }),
      { numRuns: 3000 },
    );
  });

  test('refuses every text that the parser refuses, unless values have to be compared', () => {
    fc.assert(
      fc.property(damaged, (text) => {
        const problem = problemOf(text);
        if (problem === undefined || beyondPattern.some((known) => known.test(problem))) return;
        assert.doesNotMatch(text, pattern, problem);
      }),
      { numRuns: 3000 },
    );
  });

  for (const text of [
    '/~delay=1',
    '/~staus=503',
    '/~status=600',
    'delay=1s',
    '/~status=503:often',
    '/~delay=1s/x',
    '/@a',
    '',
  ])
    test(`refuses ${text === '' ? 'an empty text' : text}`, () => {
      assert.notEqual(problemOf(text), undefined);
      assert.doesNotMatch(text, pattern);
    });
});

suite('the values of the chart', () => {
  test('each has a description', () => {
    const missing = chartValues().filter(({ description }) => description === undefined);
    assert.deepEqual(
      missing.map(({ path }) => path),
      [],
    );
  });

  test('each default is in the schema', () => {
    const known = chartValues().map(({ path }) => path);
    const defaults = parse(readFileSync(new URL('../../kubernetes/chart/values.yaml', import.meta.url), 'utf8'));
    const isKnown = (name: string): boolean => known.some((path) => path === name || path.startsWith(`${name}.`));
    assert.deepEqual(
      Object.keys(defaults).filter((name) => !isKnown(name)),
      [],
    );
  });
});
