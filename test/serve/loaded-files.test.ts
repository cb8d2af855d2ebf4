import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { filesLoadedBy } from '../bench/loaded-files.ts';
import { cleanEnv, main } from '../program.ts';

const args = ['serve', '--http', '127.0.0.1:0', '--grpc', '127.0.0.1:0'];
const spans = {
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
  OTEL_METRICS_EXPORTER: 'none',
  OTEL_LOGS_EXPORTER: 'none',
};

/** Returns the paths of the sources in a built file, from the package's folder, as its source map names them. */
function sourcesOf(file: string): string[] {
  const { sources } = JSON.parse(readFileSync(`${file}.map`, 'utf8')) as { sources: string[] };
  return sources.map((source) => path.relative('.', path.resolve(path.dirname(file), source)));
}

test('a start loads few files, and no package that is not bundled', async () => {
  for (const [signal, most] of [
    [{}, 25],
    [spans, 50],
  ] as const) {
    const files = await filesLoadedBy({ program: main, args, env: { ...cleanEnv(), ...signal } });
    assert.ok(files.length > 0 && files.length <= most, `${files.length} files: ${files.join(' ')}`);
    assert.deepEqual(
      files.filter((file) => file.includes('/node_modules/')),
      [],
    );
  }
});

test('a start without spans loads no code of OpenTelemetry, YAML, proto files or the local mesh', async () => {
  const sources = (await filesLoadedBy({ program: main, args, env: cleanEnv() })).flatMap(sourcesOf);
  assert.ok(sources.includes('src/serve/start-service.ts'));
  const unwanted = /^(?:src\/istio\/|node_modules\/(?:@opentelemetry\/|yaml\/|ajv\/|protobufjs\/src\/parse\.js))/;
  assert.deepEqual(
    sources.filter((source) => unwanted.test(source)),
    [],
  );
});
