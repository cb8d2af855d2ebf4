import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { formatLabels, parseSamples } from '../../../src/istio/observe/prometheus-text.ts';

const parse = (text: string) => [...parseSamples(text)];

suite("Prometheus' text format", () => {
  test('a sample has a name, labels and a value', () => {
    assert.deepEqual(parse('requests_total{code="200",method="get"} 3\nup 1\n'), [
      { name: 'requests_total', labels: { code: '200', method: 'get' }, value: 3 },
      { name: 'up', labels: {}, value: 1 },
    ]);
  });

  test('comments, empty lines and lines that are not samples are skipped', () => {
    const text = '# HELP a b\n# TYPE a counter\n\na{b="c"\na{b="c"}\na x\n{b="c"} 1\n<html>\na 1';
    assert.deepEqual(parse(text), [{ name: 'a', labels: {}, value: 1 }]);
  });

  test('spaces, a comma at the end, a time and values that are not finite are understood', () => {
    assert.deepEqual(
      parse('a{ b = "c" , } 1.5e3 1700000000000\na{} +Inf\na -Inf\na NaN').map(({ value }) => value),
      [1500, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN],
    );
  });

  test('values of labels may contain quotes, braces, commas, backslashes and line ends', () => {
    const labels = { a: '[{"host":"x"}] , } ', b: 'c:\\d\n', c: '' };
    assert.deepEqual(parse(`m{${formatLabels(labels)}} 1`), [{ name: 'm', labels, value: 1 }]);
  });

  test('unwanted metrics are skipped by their whole name', () => {
    const text = 'a_total{b="c"} 1\na_total_sum 2\na 3';
    assert.deepEqual(
      [...parseSamples(text, (name) => name === 'a_total')].map(({ value }) => value),
      [1],
    );
  });
});
