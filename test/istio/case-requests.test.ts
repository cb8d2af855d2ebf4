/** Where the requests of cases begin, what follows in a case, and readiness, on a local mesh. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, it } from 'node:test';
import { runProgram } from '../program.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'meshmock-case-requests-'));
});
after(() => rm(folder, { recursive: true }));

/** Runs a file of cases, and returns each case with its outcome and the expectations that failed. */
async function outcomes(name: string, manifests: string, cases: string): Promise<Record<string, string>> {
  await writeFile(path.join(folder, `${name}.yaml`), manifests);
  const file = path.join(folder, `${name}.test.yaml`);
  await writeFile(file, `manifests: [${name}.yaml]\n${cases}`);
  const junit = path.join(folder, `${name}.xml`);
  const { stdout, stderr } = await runProgram(['test', file, '--json', '--junit', junit]);
  assert.match(stdout, /^\{/, stderr);
  const [result] = (JSON.parse(stdout) as { files: Shown[] }).files;
  assert.ok(result);
  assert.equal(result.problem, undefined);
  // Every result has a test case of its own in JUnit's form too.
  const names = [...readFileSync(junit, 'utf8').matchAll(/<testcase[^>]* name="([^"]*)"/g)].map(([, one]) => one);
  assert.deepEqual(
    names,
    result.cases.map((one) => one.name),
  );
  return Object.fromEntries(result.cases.map((one) => [one.name, outcomeText(one)]));
}

interface Shown {
  readonly problem?: string;
  readonly cases: readonly ShownCase[];
}

interface ShownCase {
  readonly name: string;
  readonly outcome: string;
  readonly problem?: string;
  readonly expectations?: readonly { readonly expectation: string; readonly passed: boolean; readonly seen: string }[];
}

function outcomeText({ outcome, problem, expectations = [] }: ShownCase): string {
  const failed = expectations.filter(({ passed }) => !passed).map(({ expectation, seen }) => `${expectation}: ${seen}`);
  return [outcome, ...(problem === undefined ? [] : [problem]), ...failed].join('; ');
}

const service = (name: string): string => `apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { selector: { app: ${name} }, ports: [{ name: http, port: 80 }, { name: grpc, port: 9090 }] }
`;

const workload = (name: string, account = 'default', replicas = 1): string => `---
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec: { serviceAccountName: ${account}, containers: [{ name: app, image: example.com/${name} }] }
---
`;

it('a request begins at any workload, in the place of a Job, and outside; readiness comes back after its case', async () => {
  const manifests = `${service('web')}${workload('web', 'default', 2)}${workload('worker', 'worker')}${workload('client')}
apiVersion: batch/v1
kind: Job
metadata: { name: nightly }
spec: { template: { spec: { serviceAccountName: worker, restartPolicy: Never, containers: [{ name: app, image: example.com/job }] } } }
---
apiVersion: v1
kind: Pod
metadata: { name: bare, labels: { app: bare } }
spec: { containers: [{ name: app, image: example.com/bare }] }
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: web }
spec: { selector: { matchLabels: { app: web } }, rules: [{ from: [{ source: { principals: ["*/sa/worker"] } }] }] }
`;
  const found = await outcomes(
    'anywhere',
    manifests,
    `cases:
  - name: \${caller} gets \${status}
    for each:
      - { caller: worker, status: 200 }
      - { caller: client, status: 403 }
      - { caller: nightly, status: 200 }
      - { caller: bare, status: 403 }
      - { caller: outside, status: 403 }
    from: \${caller}
    call: /@web/x
    expect: ["\${caller}->web status = \${status}", "root service = \${caller}"]
  - { name: outside has no sidecar, from: outside, call: '/@web/x', expect: [web mtls = yes] }
  - name: not ready
    from: worker
    given: { web: not-ready }
    call: /@web/x
    expect: [web status = 503, web refusal = no_healthy_upstream]
  - { name: ready again, from: worker, call: '/@web*20/x', expect: [web status = 200] }
  - { name: its own door is not a call, from: worker, call: /x, expect: [worker calls = 0, root status = 200] }
`,
  );
  const { 'outside has no sidecar': outside, ...others } = found;
  assert.match(outside ?? '', /^failed; web mtls = yes: mtls unknown/);
  assert.deepEqual(others, {
    'worker gets 200': 'passed',
    'client gets 403': 'passed',
    'nightly gets 200': 'passed',
    'bare gets 403': 'passed',
    'outside gets 403': 'passed',
    'not ready': 'passed',
    'ready again': 'passed',
    'its own door is not a call': 'passed',
  });
});

/** Makes a certificate that has signed itself, and returns it and its key in PEM. */
function certificate(host: string): { readonly cert: string; readonly key: string } {
  const [keyFile, certFile] = [path.join(folder, `${host}.key`), path.join(folder, `${host}.crt`)];
  const subject = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '30',
      '-keyout',
      keyFile,
      '-out',
      certFile,
      ...subject,
    ],
    { stdio: 'ignore' },
  );
  return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
}

const secret = (name: string, data: Readonly<Record<string, string>>, namespace = 'istio-system'): string =>
  `---\n${JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData: data })}\n`;

it('a request goes to a gateway by its URL, also with TLS and a client certificate, and later ones have its cookie', async () => {
  const [simple, mutual, client] = ['simple.test', 'mutual.test', 'client.test'].map(certificate);
  certificate('other.test');
  assert.ok(simple && mutual && client);
  const manifests = `${service('web')}${workload('web', 'default', 3)}
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: public }
spec:
  selector: { istio: ingressgateway }
  servers:
    - { port: { number: 80, name: http, protocol: HTTP }, hosts: [shop.test] }
    - { port: { number: 443, name: simple, protocol: HTTPS }, hosts: [simple.test], tls: { mode: SIMPLE, credentialName: simple } }
    - { port: { number: 443, name: mutual, protocol: HTTPS }, hosts: [mutual.test], tls: { mode: MUTUAL, credentialName: mutual } }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: web }
spec:
  hosts: ["*"]
  gateways: [public]
  http:
    - match: [{ headers: { content-type: { prefix: application/grpc } } }]
      route: [{ destination: { host: web, port: { number: 9090 } } }]
    - route: [{ destination: { host: web, port: { number: 80 } } }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: web }
spec: { host: web, trafficPolicy: { loadBalancer: { consistentHash: { httpCookie: { name: route, ttl: 60s } } } } }
${secret('simple', { 'tls.crt': simple.cert, 'tls.key': simple.key })}${secret('mutual', {
  'tls.crt': mutual.cert,
  'tls.key': mutual.key,
  'ca.crt': client.cert,
})}`;
  const found = await outcomes(
    'gateway',
    manifests,
    `cases:
  - { name: simple, url: 'https://simple.test/x?y=1', expect: [status = 200, web uri = "/x?y=1", web host = simple.test, web calls = 1] }
  - { name: grpcs, url: 'grpcs://simple.test/x', expect: [status = 200, web protocol = grpc] }
  - { name: another certificate, url: 'https://simple.test/x', cacert: other.test.crt, expect: status = tls }
  - { name: no server for the host, url: 'https://other.test/x', expect: status = tls|reset }
  - { name: the host of another server, url: 'https://simple.test/x', host: mutual.test, expect: [status = 404|421, root answered-by = proxy] }
  - { name: mutual without a certificate, url: 'https://mutual.test/x', expect: status = tls|reset }
  - { name: mutual, url: 'https://mutual.test/x', cert: client.test.crt, key: client.test.key, expect: status = 200 }
  - name: sticky
    url: http://shop.test/x
    capture: { cookie: header set-cookie, pod: root pod }
    expect: [status = 200, answer-header set-cookie exists]
    then:
      - { url: 'http://shop.test/y', headers: { cookie: "\${cookie}" }, repeat: 20, expect: "web pod = \${pod}" }
      - { url: 'http://shop.test/y', repeat: 60, concurrency: 20, expect: "web pod = \${pod}" }
`,
  );
  const { sticky, ...others } = found;
  assert.deepEqual(others, {
    simple: 'passed',
    grpcs: 'passed',
    'another certificate': 'passed',
    'no server for the host': 'passed',
    'the host of another server': 'passed',
    'mutual without a certificate': 'passed',
    mutual: 'passed',
  });
  // Only requests without the cookie reach several pods: Envoy then chooses by the addresses of the connection.
  assert.match(sticky ?? '', /^failed; step 3: web pod = web-[^;]*×[^;]*, web-[^;]*×[^;]*$/);
});

it('with fill, requests begin in a neutral client, and not in the filled service', async () => {
  const found = await outcomes(
    'fill',
    `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec: { hosts: [reviews], http: [{ route: [{ destination: { host: reviews, subset: v3 } }] }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: reviews }
spec: { host: reviews, subsets: [{ name: v3, labels: { version: v3 } }] }
`,
    `fill: true
cases:
  - { name: neutral, call: /@reviews/x, expect: [meshmock-client->reviews version = v3, root service = meshmock-client] }
`,
  );
  assert.deepEqual(found, { neutral: 'passed' });
});
