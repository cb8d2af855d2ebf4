/** Tests of snapshots that other tools make: kustomizations, and what kubectl prints of a cluster. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startProgram } from '../program.ts';
import { installTestTools } from '../tools/installed.ts';
import { startLocalMesh } from './local-mesh.ts';

const never = new AbortController().signal;

function workload(name: string): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { selector: { app: ${name} }, ports: [{ name: http, port: 80 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec: { containers: [{ name: app, image: ${name} }] }
`;
}

const routes = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: stock }
spec:
  hosts: [stock]
  http:
    - match: [{ uri: { prefix: /gone } }]
      directResponse: { status: 410 }
    - timeout: 2s
      route: [{ destination: { host: stock } }]
`;

const policy = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: stock }
spec:
  selector: { matchLabels: { app: stock } }
  rules: [{ to: [{ operation: { methods: [GET] } }] }]
`;

const shop = [workload('web'), workload('stock'), routes].join('---\n');

describe('snapshots', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'meshmock-snapshots-'));
  let kubectl = '';
  let env: Readonly<Record<string, string>> = {};
  before(async () => {
    const tools = await installTestTools(['kubectl']);
    kubectl = path.join(tools.kubectl, 'bin/kubectl');
    env = { PATH: `${path.dirname(kubectl)}:${process.env.PATH ?? ''}` };
    const files = {
      'base/kustomization.yaml': 'resources: [shop.yaml]\n',
      'base/shop.yaml': shop,
      'overlays/prod/kustomization.yaml': 'resources: [../../base]\n',
      'overlays/prod/policy.yaml': policy,
    };
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      writeFileSync(path.join(folder, name), text);
    }
  });
  after(() => rmSync(folder, { recursive: true }));

  const run = async (...args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> => {
    await using program = startProgram(args, env, folder);
    const code = await program.exited();
    return { code, stdout: program.stdout, stderr: program.stderr };
  };

  it('that are kustomizations are compared with those of a revision, and cases written for one pass as they are', async () => {
    const git = (...args: readonly string[]) =>
      execFileSync('git', ['-C', folder, '-c', 'user.name=test', '-c', 'user.email=test@example.com', ...args]);
    git('init', '-q');
    git('add', '.');
    git('commit', '-q', '-m', 'before');
    writeFileSync(
      path.join(folder, 'overlays/prod/kustomization.yaml'),
      'resources: [../../base, policy.yaml]\nnamePrefix: ""\n',
    );
    const compared = await run('diff', 'HEAD', '--', 'overlays/prod');
    assert.equal(compared.code, 1, compared.stderr);
    assert.match(
      compared.stdout,
      /web → stock +\/\* but \/gone\*, with a method other than GET +200 stock v1 +→ 403 rbac_denied +AuthorizationPolicy stock, .*kubectl kustomize overlays\/prod:\d+/,
    );

    const written = await run('test', '--write', 'shop_test.yaml', 'overlays/prod');
    assert.equal(written.code, 0, written.stderr);
    const text = readFileSync(path.join(folder, 'shop_test.yaml'), 'utf8');
    assert.match(text, /^manifests: \[overlays\/prod\]\n/);
    assert.match(text, /stock status = 410/);
    assert.match(text, /stock refusal = rbac_denied/);
    const passed = await run('test', 'shop_test.yaml');
    assert.equal(passed.code, 0, passed.stdout + passed.stderr);
    assert.match(passed.stdout, /\n\d+ passed in/);

    const again = await run('test', '--write', 'shop_test.yaml', 'overlays/prod');
    assert.equal(again.code, 2);
    assert.match(again.stderr, /shop_test\.yaml exists: choose another name, or replace it with --overwrite/);
    assert.equal(readFileSync(path.join(folder, 'shop_test.yaml'), 'utf8'), text);
  });

  it('that kubectl prints of a cluster differ from its manifests by a changed field only', async () => {
    const printed = await (async () => {
      await using mesh = await startLocalMesh([{ name: 'shop.yaml', text: [shop, policy].join('---\n') }]);
      const kubeconfig = path.join(folder, 'kubeconfig');
      writeFileSync(kubeconfig, await mesh.host.kubeconfig(never));
      const kinds =
        'all,serviceaccounts,configmaps,secrets,endpointslices,virtualservices.networking.istio.io,authorizationpolicies.security.istio.io';
      return execFileSync(kubectl, ['--kubeconfig', kubeconfig, 'get', kinds, '-o', 'yaml']).toString();
    })();
    for (const field of ['managedFields|resourceVersion', 'status:', 'kind: List', 'kind: Pod', 'kind: ReplicaSet'])
      assert.match(printed, new RegExp(field));
    writeFileSync(path.join(folder, 'plain.yaml'), [shop, policy].join('---\n'));
    writeFileSync(path.join(folder, 'changed.yaml'), printed.replaceAll('timeout: 2s', 'timeout: 1s'));

    const changed = await run('diff', 'plain.yaml', 'changed.yaml');
    assert.equal(changed.code, 1, changed.stdout + changed.stderr);
    const [, line = ''] = /\n(1 {2}.*)/.exec(changed.stdout) ?? [];
    assert.match(
      line,
      /web → stock +any but \/gone\* +times out: after 2 s +→ after 1 s +VirtualService stock, http\[1\]\.timeout/,
    );
    const number = printed.split('\n').findIndex((text) => text.includes('timeout: 2s') && !text.includes('{')) + 1;
    assert.match(line, new RegExp(`changed\\.yaml:${number}$`));
    assert.match(
      changed.stdout,
      /^1 of \d+ edges has another configuration\. \d+ requests were compared, 1 behaviour differs/,
    );
  });
});
