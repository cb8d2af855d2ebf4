/** Tests of `meshmock diff --entry` with two running meshes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startProgram } from '../program.ts';
import { type LocalMeshFixture, startLocalMesh } from './local-mesh.ts';

const example = path.join(import.meta.dirname, '../../istio/examples/diff');
const shop = path.join(example, 'shop.yaml');
const old = path.join(example, 'old.yaml');

/** Service that only one of the meshes gets. */
const audit = `
apiVersion: v1
kind: Service
metadata: { name: audit }
spec: { selector: { app: audit }, ports: [{ name: http, port: 80 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: audit }
spec:
  selector: { matchLabels: { app: audit } }
  template:
    metadata: { labels: { app: audit } }
    spec: { containers: [{ name: app, image: audit }] }`;

interface JsonReport {
  readonly counts: Readonly<Record<string, number>>;
  readonly differences: readonly Readonly<Record<'edge' | 'requests' | 'from' | 'to' | 'cause', string>>[];
  readonly notCompared: readonly { readonly subject: string; readonly reason: string }[];
}

describe('two running meshes', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-entries-'));
  const file = (name: string, text: string): string => {
    const found = path.join(folder, name);
    writeFileSync(found, text);
    return found;
  };
  let meshes: readonly LocalMeshFixture[] = [];
  before(async () => {
    meshes = await Promise.all([startLocalMesh([shop, old]), startLocalMesh([shop, old])]);
  });
  after(async () => {
    await Promise.all(meshes.map((mesh) => mesh[Symbol.asyncDispose]()));
    rmSync(folder, { recursive: true });
  });

  /** Compares both meshes through the mocks of `web`. */
  const compare = async (...args: readonly string[]): Promise<{ readonly code: number | null; report: JsonReport }> => {
    const entries = meshes.flatMap((mesh) => ['--entry', mesh.http('web')]);
    await using program = startProgram(['diff', ...entries, '--manifests', shop, '--format', 'json', ...args]);
    const code = await program.exited();
    assert.notEqual(program.stdout, '', program.stderr);
    return { code, report: JSON.parse(program.stdout) as JsonReport };
  };

  it('have no difference if they are equal', async () => {
    const { code, report } = await compare(old);
    assert.deepEqual(report.differences, []);
    assert.equal(code, 0);
    // web, cart-v1 and stock call the other two; no request of the entry reaches cart-v2.
    assert.equal(report.counts.edges, 6);
    assert.ok((report.counts.requests ?? 0) >= 10, `${report.counts.requests} requests`);
    assert.deepEqual(
      report.notCompared.map(({ subject }) => subject),
      ['configuration of the proxies', 'calls from outside the mesh', 'calls of default/cart-v2'],
    );
  });

  it('differ in what changed in one of them, and in a Service that one of them does not have', async () => {
    // Equal parts need fewer requests.
    const text = readFileSync(path.join(example, 'new.yaml'), 'utf8');
    const changed = file('new.yaml', text.replace('weight: 90', 'weight: 50').replace('weight: 10', 'weight: 50'));
    const [first, second] = meshes;
    await Promise.all([first?.apply({ name: 'audit.yaml', text: audit }), second?.apply(changed)]);
    const { code, report } = await compare('--manifests', file('audit.yaml', audit), old, changed);
    assert.equal(code, 1);
    const lines = report.differences.map(({ requests, from, to, cause }) => `${requests}: ${from} → ${to}  ${cause}`);
    assert.deepEqual(lines.toSorted(), [
      'POST /orders/*: 200 stock v1 → 403 rbac_denied  AuthorizationPolicy stock, rules[0]',
      'any but end-user=jason: v1 100% → v1 50%, v2 50%  VirtualService cart, http[1].route',
      'any: 200 audit v1 → no answer (dns)  ',
      'any: times out: never → after 500 ms  VirtualService stock, http[0].timeout',
      'on 500, 503: 2 retries → none  VirtualService stock, http[0].retries',
    ]);
    const ofAudit = report.notCompared.find(({ subject }) => subject === 'calls of default/audit');
    assert.match(ofAudit?.reason ?? '', /^in NEW only, the entry does not reach it \(dns\)/);
  });

  it('are not compared if an entry does not answer', async () => {
    const [first] = meshes;
    const entries = ['--entry', first?.http('web') ?? '', '--entry', 'localhost:1'];
    await using program = startProgram(['diff', ...entries, shop]);
    assert.equal(await program.exited(), 2);
    assert.match(program.stderr, /the entry of NEW, http:\/\/localhost:1, does not answer \(refused\): check that /);
  });

  it('are not compared any more after an interrupt', async () => {
    // Accepts connections, and never answers.
    const silent = createServer(() => {}).listen(0);
    try {
      await once(silent, 'listening');
      const { port } = silent.address() as { port: number };
      const called = once(silent, 'connection');
      await using program = startProgram([
        'diff',
        '--entry',
        `localhost:${port}`,
        '--entry',
        `localhost:${port}`,
        shop,
      ]);
      await called;
      program.child.kill('SIGINT');
      assert.equal(await program.exited(), 2);
    } finally {
      silent.close();
    }
  });
});
