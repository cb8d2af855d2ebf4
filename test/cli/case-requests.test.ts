/** Requests of a case: tables, steps, URLs, captured values, and all errors of a file at once. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { parseCaseFile } from '../../src/cli/files/case-file.ts';
import { readCaseFiles } from '../../src/cli/files/case-files.ts';
import { parseRequestUrl } from '../../src/cli/files/case-request.ts';
import { errorText } from '../../src/cli/output/error-text.ts';
import { MeshmockError } from '../../src/error/meshmock-error.ts';
import { formatPath } from '../../src/plan/format.ts';

const parse = (text: string) => parseCaseFile(text, 'a.yaml', { timeoutMs: 10_000, retryUntilMs: 0 });

function refused(action: () => unknown): MeshmockError {
  try {
    action();
  } catch (error) {
    assert.ok(error instanceof MeshmockError, String(error));
    return error;
  }
  assert.fail('nothing was refused');
}

const messages = (error: MeshmockError): string[] => [error, ...error.others].map(({ message }) => message);

test('each row of a table is a case with its values, its name and its place', () => {
  const { cases, names } = parse(`cases:
  - name: \${caller} gets \${status} for \${path}
    for each:
      - { caller: web, path: /a, status: 200 }
      - { caller: worker, path: /b?x=1, status: 403 }
    from: \${caller}
    call: /@orders\${path}
    headers: { "x-\${caller}": "$\${caller}" }
    expect: ["orders status = \${status}", "orders uri = \${path}"]
`);
  assert.deepEqual(
    cases.map((one) => [one.name, one.where, one.from, formatPath(one.plan), one.headers, one.expectations[0]?.text]),
    [
      [
        'web gets 200 for /a',
        'a.yaml:4:9',
        'web',
        '/@orders/a',
        [{ name: 'x-web', value: `\${caller}` }],
        'orders status = 200',
      ],
      [
        'worker gets 403 for /b?x=1',
        'a.yaml:5:9',
        'worker',
        '/@orders/b?x=1',
        [{ name: 'x-worker', value: `\${caller}` }],
        'orders status = 403',
      ],
    ],
  );
  assert.deepEqual(
    names.map(({ kind, name }) => [kind, name]),
    [
      ['entry', 'web'],
      ['entry', 'worker'],
    ],
  );
});

test('columns make a case for every combination, and a name without a reference ends with the values', () => {
  const { cases } = parse(
    `cases:\n  - { name: allowed, for each: { from: [a, b], path: [/x, /y] }, from: "\${from}", call: "/@c\${path}", expect: status = 200 }`,
  );
  assert.deepEqual(
    cases.map(({ name }) => name),
    ['allowed: a /x', 'allowed: a /y', 'allowed: b /x', 'allowed: b /y'],
  );
});

test('a text with the form of a reference stays in a case without a table', () => {
  const { cases } = parse(`cases:\n  - { name: n, call: /@a/x, headers: { x: "\${y}" }, expect: status = 200 }`);
  assert.deepEqual(cases[0]?.headers, [{ name: 'x', value: `\${y}` }]);
});

test('a further request has captured values, as data of its field', () => {
  const { cases } = parse(`cases:
  - name: sticky
    url: http://shop.example/x
    capture: { cookie: header set-cookie, pod: root pod }
    expect: status = 200
    then:
      - url: http://shop.example/y?c=\${cookie}
        headers: { cookie: "\${cookie}" }
        expect: web header cookie = \${cookie}
        capture: { more: answer-header x-more }
      - call: "/@a[x=\${more}]/z"
        expect: web pod matches "^web"
`);
  const [second, third] = cases[0]?.then ?? [];
  const captured = new Map([
    ['cookie', 'a="1|2"'],
    ['pod', 'web-1'],
    ['more', 'x]/@b'],
  ]);
  const request = second?.requestWith(captured);
  assert.deepEqual(request?.headers, [{ name: 'cookie', value: 'a="1|2"' }]);
  assert.equal(request && formatPath(request.plan), '/y?c=a%3D%221%7C2%22');
  const claim = request?.expectations[0]?.claim;
  assert.deepEqual(claim?.kind === 'text' && claim.condition, { kind: 'equals', comparison: '=', values: ['a="1|2"'] });
  const plan = third?.requestWith(captured).plan;
  assert.ok(plan?.kind === 'calls');
  assert.deepEqual(plan.stages[0]?.[0]?.headers, [{ name: 'x', value: 'x]/@b' }]);
});

test('a captured value that a field cannot have is an error with its place', () => {
  const { cases } = parse(
    `cases:\n  - name: n\n    call: /@a/x\n    capture: { v: root answer-header x }\n    expect: status = 200\n    then:\n      - { call: /@a/x, headers: { a: "\${v}" }, expect: status = 200 }`,
  );
  const error = refused(() => cases[0]?.then[0]?.requestWith(new Map([['v', 'a\nb']])));
  assert.match(error.message, /^a\.yaml:7:38: /);
});

test('no captured value adds a directive or a call', () => {
  const step = (call: string, value: string) =>
    parse(
      `cases:\n  - name: n\n    call: /@a/x\n    capture: { v: root answer-header x }\n    expect: status = 200\n    then:\n      - { ${call}, expect: status = 200 }`,
    ).cases[0]?.then[0]?.requestWith(new Map([['v', value]]));
  for (const [call, value] of [
    [`url: "http://shop/\${v}"`, '@b/x'],
    [`url: "http://shop/\${v}"`, '~status=503'],
    [`call: "/@web/\${v}"`, '~close'],
    [`call: "/@web/\${v}"`, '/@b'],
    [`call: "/@\${v}/x"`, 'a,b'],
  ] as const)
    assert.match(
      refused(() => step(call, value)).message,
      /^a\.yaml:7:9: expected captured values without the parts of a plan/,
    );
  const plan = step(`call: "/@\${v}/x"`, 'b.ns')?.plan;
  assert.equal(plan && formatPath(plan), '/@b.ns/x');
});

test('no captured value names a file of this machine', () => {
  const step = (fields: string) =>
    parse(
      `cases:\n  - name: n\n    call: /@a/x\n    capture: { v: root answer-header x }\n    expect: status = 200\n    then:\n      - { call: /@a/x, expect: status = 200, ${fields} }`,
    ).cases[0]?.then[0]?.requestWith(new Map([['v', '@/etc/hostname']]));
  assert.equal(step(`data: "\${v}"`)?.data, '@/etc/hostname');
  assert.equal(step(`data: "x\${v}"`)?.data, 'x@/etc/hostname');
  assert.match(refused(() => step(`data: "@\${v}"`)).message, /the name of a file, which no answer chooses/);
  assert.match(refused(() => step(`cacert: "\${v}"`)).message, /the name of a file, which no answer chooses/);
});

test('a further request begins where the first one begins, unless it names another place', () => {
  const { cases } = parse(
    'cases:\n  - name: n\n    from: a\n    over: grpc\n    host: h\n    timeout: 2s\n    call: /@b/x\n    expect: status = 200\n    then:\n      - { call: /@b/y, expect: status = 200 }\n      - { url: "https://s.example:8443/z", expect: status = 200 }',
  );
  const [second, third] = cases[0]?.then ?? [];
  assert.deepEqual(
    [second, third].map((step) => {
      const { from, protocol, host, timeoutMs, url } = step?.sample ?? assert.fail();
      return { from, protocol, host, timeoutMs, url };
    }),
    [
      { from: 'a', protocol: 'grpc', host: 'h', timeoutMs: 2000, url: undefined },
      {
        from: undefined,
        protocol: 'http',
        host: undefined,
        timeoutMs: 2000,
        url: { scheme: 'https', host: 's.example', port: 8443 },
      },
    ],
  );
});

test('a URL has the default port of its scheme, and keeps its path', () => {
  assert.deepEqual(parseRequestUrl('grpcs://a.example').url, { scheme: 'grpcs', host: 'a.example', port: 443 });
  assert.deepEqual(parseRequestUrl('http://a.example/@b/c?d=%7C').url, { scheme: 'http', host: 'a.example', port: 80 });
  for (const url of ['shop.example/x', 'ftp://a/x', 'http://', 'http://u@a/', 'http://a:1x/', 'http://a?b'])
    assert.match(refused(() => parseRequestUrl(url)).message, /expected a URL such as/, url);
});

test('all errors of a file appear at once, each with its line and a caret', () => {
  const error = refused(() =>
    parse(`manifest: [a.yaml]
cases:
  - name: one
    form: a
    call: /@
    expect: [stats = 200, status = 200, revews status 200]
    given: { reviews: up }
  - call: /@a/x
    repeat: many
    expect: status = 200
    then:
      - { call: /@a/x, expect: status = 9 }
`),
  );
  assert.deepEqual(
    messages(error).map((message) => message.replace(/^(\S+) .*$/s, '$1')),
    [
      'a.yaml:1:1:',
      'a.yaml:4:5:',
      'a.yaml:5:11:',
      'a.yaml:6:14:',
      'a.yaml:6:41:',
      'a.yaml:7:23:',
      'a.yaml:8:5:',
      'a.yaml:9:13:',
      'a.yaml:12:32:',
    ],
  );
  const lines = errorText(error).split('\n');
  assert.equal(lines.filter((line) => line.startsWith('meshmock: ')).length, 9);
  assert.equal(lines.filter((line) => /^ *\^/.test(line)).length, 9);
});

test('an unknown reference is an error that has the known ones', () => {
  const text = `cases:\n  - name: n\n    for each: [{ a: x }]\n    call: /@\${b}/x\n    expect: status = 200`;
  assert.match(refused(() => parse(text)).message, /^a\.yaml:4:11: expected one of \$\{a\}$/);
});

test('the table and fields that exclude each other are checked', () => {
  const wrong: [field: string, message: RegExp][] = [
    ['for each: x', /expected rows such as/],
    ['for each: []', /expected a list with at least one entry/],
    ['for each: { "1": [a] }', /expected a name of letters/],
    ['url: http://a/x', /expected call or url, not both/],
    ['capture: { a: status }', /expected one of uri, method/],
    ['capture: { a b: location }', /expected a name of letters/],
    ['cert: a.pem', /no such file|cannot read/],
    ['then: []', /expected a list with at least one entry/],
  ];
  for (const [field, message] of wrong) {
    const text = `cases:\n  - name: n\n    call: /@a/x\n    expect: status = 200\n    ${field}\n`;
    assert.match(messages(refused(() => parse(text))).join('\n'), message, field);
  }
});

let folder: string;
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'meshmock-names-'));
});
after(() => rm(folder, { recursive: true }));

const manifests = `apiVersion: v1
kind: Service
metadata: { name: reviews, namespace: shop }
spec: { selector: { app: reviews }, ports: [{ name: http, port: 80 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: reviews-v1, namespace: shop }
spec: { selector: { matchLabels: { app: reviews } }, template: { metadata: { labels: { app: reviews } }, spec: { containers: [{ name: m, image: x }] } } }
---
apiVersion: v1
kind: Pod
metadata: { name: bare, namespace: shop }
spec: { containers: [{ name: m, image: x }] }
---
apiVersion: batch/v1
kind: CronJob
metadata: { name: nightly, namespace: shop }
spec: { schedule: "0 0 * * *", jobTemplate: { spec: { template: { spec: { restartPolicy: Never, containers: [{ name: m, image: x }] } } } } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: public, namespace: shop }
spec: { gatewayClassName: istio, listeners: [{ name: http, port: 80, protocol: HTTP }] }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: old, namespace: shop }
spec: { selector: { istio: edge }, servers: [] }
`;

async function readWith(cases: string, head = ''): Promise<MeshmockError | undefined> {
  await writeFile(path.join(folder, 'mesh.yaml'), manifests);
  const name = path.join(folder, 'names.test.yaml');
  await writeFile(name, `manifests: [mesh.yaml]\nnamespace: shop\n${head}cases:\n${cases}`);
  try {
    readCaseFiles({ names: [name], manifests: [], only: [], entry: [], timeout: 10_000, retryUntil: 0 });
    return undefined;
  } catch (error) {
    assert.ok(error instanceof MeshmockError);
    return error;
  }
}

const from = (name: string) => `  - { name: "${name}", from: "${name}", call: /@reviews/x, expect: status = 200 }\n`;

test('names of services, workloads, Jobs, Pods and gateways are known before a mesh starts', async () => {
  const known = [
    'reviews',
    'reviews.shop',
    'reviews-v1',
    'bare',
    'nightly',
    'outside',
    'public-istio',
    'public-istio:80',
  ];
  const gateways = ['istio-edge.istio-system', 'istio-edge.istio-system:8443', 'istio-egressgateway.istio-system'];
  const all = [...known, ...gateways].map(from).join('');
  const given =
    '  - { name: g, given: { reviews: /~status=503, reviews-v1: down }, call: /@a/x, expect: status = 200 }\n';
  assert.equal(await readWith(all + given), undefined);
});

test('every unknown name is an error with its place and the nearest name', async () => {
  const error = await readWith(
    `${from('revews')}  - { name: g, given: { bar: not-ready, reviews-v2: down }, call: /@a/x, expect: status = 200, then: [{ from: x, call: /@a/x, expect: status = 200 }] }\n`,
  );
  assert.deepEqual(
    messages(error ?? assert.fail()).map((message) => message.replace(/^.*?test\.yaml:/, '')),
    [
      '4:29: no service, workload or gateway is named revews; did you mean "reviews"?',
      '5:111: no service, workload or gateway is named x; the names are reviews, reviews-v1, bare, nightly, public-istio, istio-ingressgateway.istio-system, istio-edge.istio-system, outside',
      '5:25: no service is named bar; did you mean "bare"?',
      '5:41: no workload is named reviews-v2; did you mean "reviews-v1"?',
    ],
  );
});

test('with fill, only names of workloads are checked', async () => {
  assert.equal(await readWith(from('anything'), 'fill: true\n'), undefined);
});
