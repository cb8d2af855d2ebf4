import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startProgram } from '../program.ts';
import { callGrpc, callHttp } from '../running-mesh.ts';

const dashboardFile = fileURLToPath(new URL('../../kubernetes/grafana/meshmock.json', import.meta.url));
const docsFile = fileURLToPath(new URL('../../docs/serve.md', import.meta.url));

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets?: readonly { readonly expr: string }[] }[];
}

/** Metric in an expression of Prometheus, and its labels in braces. */
const selectors = /\b([a-z][a-z0-9]*(?:_[a-z0-9]+)+)\{([^}]*)\}/g;

/** Returns the page of a service that has answered and called over both protocols, with calls that failed. */
async function scrape(): Promise<string> {
  const listen = ['--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0', '--metrics', '127.0.0.1:0'];
  const env = { OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' };
  await using app = startProgram(['serve', '--name', 'app', ...listen], env);
  const [, http, grpc, metrics] = await app.printed(/http 127.*:(\d+) grpc 127.*:(\d+) metrics (\S+)\n/);
  await callHttp(Number(http), `/@127.0.0.1:1|grpc:127.0.0.1:1|grpc:127.0.0.1:${grpc}/x`);
  await callGrpc(Number(grpc), { path: '/x' });
  return (await fetch(`http://${metrics}/metrics`)).text();
}

/** Throws if a service does not have a metric, a label or a value of an expression. Returns the metrics. */
function checkExpression(expression: string, page: string): string[] {
  const found = [...expression.matchAll(selectors)];
  assert.ok(found.length > 0, expression);
  for (const [, name = '', labels = ''] of found) {
    const series = page.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    assert.ok(series.length > 0, `the service has no ${name}: ${expression}`);
    // Prometheus adds the labels `job` and `instance`.
    for (const [text] of labels.matchAll(/\w+="[^"]+"/g))
      assert.ok(
        series.some((line) => line.includes(text)),
        `no series of ${name} has ${text}`,
      );
  }
  const labels = [...expression.matchAll(/ by \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', '));
  for (const label of labels)
    assert.ok(label === 'instance' || page.includes(`${label}="`), `no series has the label ${label}`);
  return found.map(([, name = '']) => name);
}

test('the dashboard shows all metrics of a service and no other ones, and the docs name them', async () => {
  const page = await scrape();
  const dashboard = JSON.parse(readFileSync(dashboardFile, 'utf8')) as Dashboard;
  const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  assert.ok(expressions.length > 20);
  const shown = expressions.flatMap((expression) => checkExpression(expression, page));
  const docs = readFileSync(docsFile, 'utf8');
  const families = [...page.matchAll(/^# TYPE (\w+)/gm)].map(([, name = '']) => name);
  for (const family of families.filter((name) => name !== 'target_info')) {
    assert.ok(
      shown.some((name) => name.startsWith(family)),
      `the dashboard does not show ${family}`,
    );
    assert.ok(docs.includes(`\`${family}`), `the docs do not name ${family}`);
  }
});
