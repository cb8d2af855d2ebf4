import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { parseUpstream } from '../../src/execute/octopus.ts';
import { parseDirectives } from '../../src/plan/parse.ts';
import { cleanEnv, runProgram, startProgram } from '../program.ts';
import { startForeignServer, startMesh, type TestMesh } from '../running-mesh.ts';

suite('meshmock call', () => {
  let mesh: TestMesh;
  let entry: string;
  before(async () => {
    mesh = await startMesh([
      'gateway',
      { name: 'reviews', version: 'v1', pod: 'reviews-1' },
      { name: 'reviews', version: 'v2', pod: 'reviews-2', behaviour: parseDirectives('/~delay=20ms') },
    ]);
    entry = `localhost:${mesh.httpPort('gateway')}`;
  });
  after(() => mesh[Symbol.asyncDispose]());

  test('prints the tree, without colour where there is no terminal, and exits with 0', async () => {
    const { code, stdout, stderr } = await runProgram(['call', `${entry}/@reviews/x`]);
    assert.equal(code, 0);
    assert.match(stdout, /^GET \/@reviews\/x\ngateway v1 \(gateway-1\) +200 .*\n└─ reviews v\d \(reviews-\d\) +200 /);
    assert.equal(stdout.includes('\x1b'), false);
    assert.equal(stderr, '');
  });

  test('paints where colours are forced, and not with NO_COLOR', async () => {
    await using painted = startProgram(['call', `${entry}/~status=503/x`], { FORCE_COLOR: '1' });
    await painted.exited();
    assert.ok(painted.stdout.includes('\x1b[31m503\x1b[39m'), painted.stdout);
    await using bare = startProgram(['call', `${entry}/x`], { NO_COLOR: '1' });
    await bare.exited();
    assert.equal(bare.stdout.includes('\x1b'), false);
  });

  test('calls over gRPC, and as a command for curl or grpcurl says', async () => {
    const grpc = `localhost:${mesh.grpcPort('gateway')}`;
    for (const url of [
      `grpc:${grpc}/@reviews/x`,
      `grpc://${grpc}/@reviews/x`,
      `http://${entry}/@reviews/x`,
      `curl -sg -H 'end-user: jason' '${entry}/@reviews/x'`,
      `grpcurl -plaintext -d '{"path":"/@reviews/x"}' ${grpc} meshmock.v1.MeshMock/Call`,
    ]) {
      const { code, stdout } = await runProgram(['call', url]);
      assert.equal(code, 0, url);
      assert.match(stdout, /└─ reviews v\d/, url);
    }
  });

  test('sends headers', async () => {
    const { code } = await runProgram(['call', `${entry}/@reviews/h`, '--header', 'End-User: jason']);
    assert.equal(code, 0);
    const seen = mesh.arrivals.find(({ service, request }) => service === 'reviews' && request.uri === '/h');
    assert.equal(seen?.request.headers?.['end-user'], 'jason');
  });

  test('sends the method, headers and body of its flags and of a pasted curl command', async () => {
    const received: string[] = [];
    await using server = await startForeignServer(async (request, response) => {
      const { method, headers } = request;
      received.push(`${method} ${headers['end-user']} ${headers['content-type']} ${await text(request)}`);
      response.end();
    });
    const url = `localhost:${server.port}/orders`;
    for (const args of [
      ['-H', 'end-user: jason', '-X', 'PUT', '-d', 'a=1', url],
      ['--header', 'end-user: jason', '--data', 'a=1', url],
      [`curl -g -XPATCH -H 'end-user: jason' -H 'content-type: text/plain' -d a=1 -d b=2 '${url}'`],
      ['curl', '-sg', url, '-H', 'end-user: jason', '--data-raw', '{"a": 1}'],
      ['-XDELETE', '-Hend-user: jason', url],
      ['-X', 'QUERY', '-H', 'end-user: jason', 'curl', '-g', url, '-d', 'a=1'],
      ['-d', 'a=1', '-d', 'b=2', '-H', 'end-user: jason', url],
      ['-d', '@package.json', '-H', 'end-user: jason', url],
    ])
      assert.equal((await runProgram(['call', ...args])).code, 0, args.join(' '));
    assert.deepEqual(received, [
      'PUT jason application/x-www-form-urlencoded a=1',
      'POST jason application/x-www-form-urlencoded a=1',
      'PATCH jason text/plain a=1&b=2',
      'POST jason application/x-www-form-urlencoded {"a": 1}',
      'DELETE jason undefined ',
      'QUERY jason application/x-www-form-urlencoded a=1',
      'POST jason application/x-www-form-urlencoded a=1&b=2',
      `POST jason application/json ${readFileSync('package.json', 'utf8')}`,
    ]);
  });

  test('sends a body to a meshmock, which carries out its plan', async () => {
    const { code, stdout } = await runProgram(['call', `${entry}/@reviews/x`, '-d', 'a=1']);
    assert.equal(code, 0);
    assert.match(stdout, /^POST \/@reviews\/x\n/);
    const large = `curl -X PUT '${entry}/@reviews/x' --data-raw '${'a'.repeat(1_000_000)}'`;
    const args = ['call', '-', '--repeat', '10', '--expect', 'status = 200'];
    const repeated = await runProgram(args, large);
    assert.equal(repeated.code, 0, repeated.stdout);
    assert.match(repeated.stdout, /^10 requests: 200 ×10/);
  });

  test('sends Host and Accept as its flags say', async () => {
    await using server = await startForeignServer(({ headers }, response) => {
      response.end(`${headers.host} ${headers.accept}`);
    });
    const flags = ['-H', 'Host: shop.example', '-H', 'Accept: text/html'];
    const { stdout } = await runProgram(['call', ...flags, `localhost:${server.port}/x`]);
    assert.match(stdout, /^shop\.example text\/html$/m);
  });

  test('reads a URL, a plan or a command from standard input for -', async () => {
    const { host, port } = { host: 'localhost', port: mesh.httpPort('gateway') };
    const plan = await runProgram(['plan', '/@reviews/stdin', '--as', 'json']);
    for (const [input, ...flags] of [
      [`${entry}/@reviews/stdin`],
      [`curl -g --compressed '${entry}/@reviews/stdin'\n`],
      [plan.stdout, '--connect-to', `localhost:8080:${host}:${port}`],
    ] as const) {
      const { code, stdout } = await runProgram(['call', '-', ...flags], input);
      assert.equal(code, 0, input);
      assert.match(stdout, /^GET \/@reviews\/stdin\n/);
    }
    const empty = await runProgram(['call', '-'], '\n');
    assert.equal(empty.code, 2);
    assert.match(empty.stderr, /^meshmock: standard input is empty: expected a URL, a plan, or a command/);
    const nowhere = await runProgram(['call', '-'], ':8080/x');
    assert.match(nowhere.stderr, /":8080\/x" has no host; type one, such as localhost:8080\/x/);
  });

  test('takes its own flags before a pasted command, and none after it', async () => {
    const args = ['call', '--repeat', '2', '--expect', 'status = 200', 'curl', '-sg', `${entry}/@reviews/x`];
    const { code, stdout } = await runProgram(args);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^2 requests: 200 ×2/);
    const wrong = await runProgram([...args, '--expect', 'status = 201']);
    assert.deepEqual([wrong.code, wrong.stderr], [2, 'meshmock: curl --expect has no place in a plan; leave it out\n']);
  });

  for (const [title, columns, setting] of [
    ['the terminal', 80, 'stty cols 80'],
    ['COLUMNS', 64, 'stty cols 80; export COLUMNS=64'],
  ] as const) {
    test(`fits trees, summaries and verdicts to ${title}`, async () => {
      const url = `${entry}/@reviews*40;concurrency=8|reviews/x`;
      const expectations = `--expect 'reviews status = 200' --expect 'gateway->reviews latency max < 1000000ms' --expect 'not gateway->reviews pod reviews-1 = 99% ± 0.5%'`;
      const line = `${setting}; "${process.execPath}" dist/cli/main.js call '${url}' --repeat 2 ${expectations}`;
      const { stdout } = await promisify(execFile)('script', ['-qec', line, '/dev/null'], { env: cleanEnv() });
      const lines = stdout
        .replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[\\d;?]*[A-Za-z]`, 'g'), '')
        .split(/[\r\n]+/);
      for (const part of [/reviews:8080 \*40/, /^2 requests: /, /max [\d.]+ ms$/, /^pass {2}reviews status = 200$/])
        assert.ok(
          lines.some((each) => part.test(each)),
          lines.join('\n'),
        );
      assert.deepEqual(
        lines.filter((each) => [...each].length > columns),
        [],
      );
    });
  }

  test('ignores COLUMNS where there is no terminal', async () => {
    await using program = startProgram(['call', `${entry}/@reviews*40/x`], { COLUMNS: '20' });
    await program.exited();
    assert.ok(
      program.stdout.split('\n').some((line) => line.length > 60),
      program.stdout,
    );
  });

  test('prints each expectation with the observed values, and exits with 1 if one does not hold', async () => {
    const args = ['call', `${entry}/@reviews*10/x`, '--expect', 'reviews version v2 = 50% ± 2%'];
    const passed = await runProgram(args);
    assert.equal(passed.code, 0, passed.stdout);
    assert.match(passed.stdout, /^pass {2}reviews version v2 = 50% ± 2%\n {6}seen: v1 ×5 \(50%\), v2 ×5 \(50%\)$/m);
    const failed = await runProgram([...args, '--expect', 'reviews latency max < 15ms', '--expect', 'status = 200']);
    assert.equal(failed.code, 1);
    assert.match(failed.stdout, /^FAIL {2}reviews latency max < 15ms\n {6}seen: max [\d.]+ ms of 10 calls$/m);
    assert.match(failed.stdout, /^pass {2}status = 200$/m);
  });

  test('checks texts that a callee received and that an answer has, over both protocols', async () => {
    for (const url of [
      `${entry}/~header[x-a=1]/@reviews[x-b=2]/x`,
      `grpc:localhost:${mesh.grpcPort('gateway')}/~header[x-a=1]/@reviews[x-b=2]/x`,
    ]) {
      const expectations = [
        'root answer-header x-a = 1',
        'root answer-header x-none exists = 0',
        'reviews header x-b matches /^[12]$/',
        'reviews uri = /x',
        'reviews service = reviews',
      ];
      const { code, stdout } = await runProgram(['call', url, ...expectations.flatMap((text) => ['--expect', text])]);
      assert.equal(code, 0, stdout);
    }
    const unseen = await runProgram([
      'call',
      `${entry}/@reviews/x`,
      '--expect',
      'reviews answer-header x-a exists = 0',
    ]);
    assert.equal(unseen.code, 1);
    assert.match(unseen.stdout, /seen: answer-header x-a unknown for 1 call/);
  });

  test('repeats the request, several in parallel, and counts the answers', async () => {
    const count = mesh.arrivals.length;
    const { code, stdout } = await runProgram([
      ...['call', `${entry}/@reviews/~status=503:version=v2/x`, '--repeat', '20', '--concurrency', '4'],
      ...[
        '--expect',
        'status 502 = 50%',
        '--expect',
        'reviews calls = 20',
        '--expect',
        'gateway->reviews pod reviews-2 = 10',
      ],
    ]);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^20 requests: 200 ×10, 502 ×10 · v1 ×20 · gateway-1 ×20 · p50 /);
    assert.match(stdout, /reviews v2 \(reviews-2\) +503/);
    assert.equal(mesh.arrivals.length - count, 40);
  });

  test('prints JSON: the call with its reply, the summary, the expectations', async () => {
    const { stdout } = await runProgram([
      'call',
      `${entry}/@reviews/x`,
      '--repeat',
      '2',
      '--json',
      '--expect',
      'status = 201',
    ]);
    const printed = JSON.parse(stdout) as Record<string, never>;
    assert.deepEqual(Object.keys(printed), ['call', 'summary', 'expectations', 'passed']);
    assert.equal(printed.passed, false);
    assert.deepEqual(printed.expectations, [{ expectation: 'status = 201', passed: false, seen: '200 ×2 (100%)' }]);
  });

  test('retries until every expectation holds or the time has passed', async () => {
    await using own = await startMesh([{ name: 'slow', behaviour: parseDirectives('/~status=503:0.75') }]);
    const args = ['call', `localhost:${own.httpPort('slow')}/x`, '--expect', 'status = 200'];
    const passed = await runProgram([...args, '--retry-until', '20s']);
    assert.equal(passed.code, 0, passed.stdout);
    const startedAt = performance.now();
    const failed = await runProgram([...args.slice(0, -1), 'status = 201', '--retry-until', '3s']);
    assert.equal(failed.code, 1);
    assert.match(failed.stdout, /after (?:[2-9]|[12]\d) batches, \d+\.\d s\n$/);
    assert.ok(performance.now() - startedAt > 2900);
  });

  test('writes well-formed JUnit XML, whatever text an expectation has', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'meshmock-'));
    try {
      const file = path.join(folder, 'junit.xml');
      const expectations = ['gateway->reviews status = 200', 'status < 200', 'not status = 200'];
      const { code } = await runProgram([
        ...['call', `${entry}/@reviews/x?a=1&b="2"`.replaceAll('"', '%22'), '--junit', file],
        ...expectations.flatMap((text) => ['--expect', text]),
      ]);
      assert.equal(code, 1);
      const xml = await readFile(file, 'utf8');
      assert.match(
        xml,
        /<testsuite name="meshmock call localhost:\d+\/@reviews\/x\?a=1&amp;b=%222%22" tests="3" failures="2" errors="0"/,
      );
      assert.match(xml, /name="gateway-&gt;reviews status = 200"/);
      assert.match(xml, /name="status &lt; 200" [^>]*>\n +<failure message="seen: 200 ×1 \(100%\)"\/>/);
      const unreachable = await runProgram(['call', 'localhost:1/x', '--junit', file, '--expect', 'status = 200']);
      assert.equal(unreachable.code, 3);
      assert.match(
        await readFile(file, 'utf8'),
        /failures="0" errors="1"[\s\S]*<error message="localhost:1 does not answer: /,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('exits with 3 if nothing answers, over both protocols', async () => {
    for (const url of ['localhost:1/x', 'grpc:localhost:1/x', 'http://no-such-host.invalid/x']) {
      const { code, stderr } = await runProgram(['call', url, '--expect', 'status = 200']);
      assert.equal(code, 3, url);
      assert.match(stderr, /^meshmock: \S+ does not answer: /);
    }
    await using silent = await startForeignServer(() => {});
    const { code, stderr } = await runProgram(['call', `localhost:${silent.port}/x`, '--timeout', '200ms']);
    assert.deepEqual(
      [code, stderr],
      [3, `meshmock: localhost:${silent.port} does not answer: no answer within 200 ms\n`],
    );
  });

  test('accepts an expectation that nothing answers', async () => {
    const { code, stdout } = await runProgram([
      ...['call', `${entry}/~close/x`, '--expect', 'status = reset', '--expect', 'answered-by = nobody'],
    ]);
    assert.deepEqual([code, stdout.startsWith('pass  status = reset\n')], [0, true], stdout);
    for (const expectation of ['status != 200', 'not status = 200', 'reviews calls = 0']) {
      const { code: silence } = await runProgram(['call', 'localhost:1/@reviews/x', '--expect', expectation]);
      assert.equal(silence, 3, expectation);
    }
    const other = await runProgram(['call', `${entry}/~close/x`, '--expect', 'status = timeout']);
    assert.equal(other.code, 3);
    assert.match(other.stdout, /^FAIL {2}status = timeout\n {6}seen: reset ×1/);
  });

  test('ignores a reader of its output that stops early', async () => {
    const program = startProgram(['call', `${entry}/@reviews/x`]);
    program.child.stdout?.destroy();
    assert.equal(await program.exited(), 0);
    assert.equal(program.stderr, '');
  });

  test('keeps secrets of a plan out of reports', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'meshmock-'));
    try {
      const file = path.join(folder, 'junit.xml');
      await runProgram(['call', `${entry}/@reviews[authorization=Bearer%20sekrit]/x`, '--junit', file]);
      const xml = await readFile(file, 'utf8');
      assert.match(xml, /tests="1" failures="0" errors="0"/);
      assert.equal(xml.includes('sekrit'), false);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('shows the answer of another server unchanged, and checks its status', async () => {
    await using foreign = await startForeignServer((_request, response) => {
      response.statusCode = 418;
      response.end('teapot\x1b[2J');
    });
    const { code, stdout } = await runProgram([
      'call',
      `localhost:${foreign.port}/x`,
      '--expect',
      'status = 418',
      '--expect',
      'answered-by = foreign',
    ]);
    assert.equal(code, 0);
    assert.match(stdout, /^localhost:\d+ answers 418 \(it is not a meshmock\)\nteapot�\[2J\n/);
  });

  const misuses: [args: string[], message: RegExp][] = [
    [['grpc:localhost:9090/x', '-d', 'a'], /--method and --data are for HTTP: over gRPC the plan is the request/],
    [['/x', '-X', 'NO SUCH'], /-X: "NO SUCH": expected a method such as GET or POST/],
    [['/x', '-d', '@no-such-file'], /-d: no-such-file: ENOENT/],
    [['curl'], /curl: expected exactly one URL/],
    [['curl -d @file localhost:8080/x'], /curl -d @file reads a file: write the body itself/],
    [['curl -H'], /curl -H: expected a value/],
    [[], /expected one URL/],
    [['/x', '/y'], /expected one URL/],
    [['/@a|/x'], /at offset 4: expected the name or address of a host, found "\/"\n\/@a\|\/x\n {4}\^ expected/],
    [
      ['/x', '--expect', 'reviews statuss = 200'],
      /--expect: at offset 8: expected one of status, version.*\nreviews statuss = 200\n {8}\^ expected/,
    ],
    [['/x', '--repeat', '0'], /--repeat: "0" is not a whole number from 1 to 1000000/],
    [['/x', '--header', 'no colon'], /--header: "no colon": expected the name of a header/],
    [['/x', '--retry-until', 'soon'], /--retry-until: "soon" is not a duration/],
    [[':8080/x'], /":8080\/x" has no host; type one, such as localhost:8080\/x/],
    [['grpc:/x'], /"grpc:\/x" has no host; type one, such as grpc:localhost\/x/],
    [['/x', '--junit', '/no/such/folder/file.xml'], /--junit: ENOENT/],
    [['/x', '--no-such'], /unknown flag "--no-such" \(--help lists the flags\)/],
  ];
  for (const [args, message] of misuses) {
    test(`refuses ${args.join(' ') || 'no argument'} with the reason, and exits with 2`, async () => {
      const { code, stderr, stdout } = await runProgram(['call', ...args]);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, message);
    });
  }
});

/** Expectations about facts that no answer shows whole. The plan says what happens. */
const notShown: [path: string, expectation: string][] = [
  ['/@reviews*10/@leaf/x', 'leaf calls = 0'],
  ['/@reviews;retries=2/@leaf/~status=503/x', 'leaf calls = 3'],
  ['/@reviews;method=HEAD/@leaf/x', 'leaf calls = 0'],
  ['/@proxy*3/x', 'leaf calls = 0'],
  ['/@proxy*3/x', 'proxy->leaf calls = 0'],
  ['/@sick-proxy;retries=3/x', 'sick calls = 3'],
  ['/@reviews*60/~status=503:1in3/@leaf/~size=50KB/x', 'leaf calls = 0'],
  ['/~close:1in2/x', 'gateway calls = 5'],
  ['/@reviews|leaf/~close/x', 'not reviews version = v3'],
  ['/@leaf*10/~close:0.5/x', 'leaf latency p50 < 1s'],
];

suite('meshmock call with expectations that no answer can confirm', () => {
  let mesh: TestMesh;
  before(async () => {
    mesh = await startMesh([
      'gateway',
      { name: 'reviews', version: 'v1', pod: 'reviews-1' },
      { name: 'reviews', version: 'v2', pod: 'reviews-2' },
      'leaf',
      { name: 'sick', behaviour: parseDirectives('/~status=503:1in2') },
      { name: 'proxy', role: { kind: 'proxy', upstream: parseUpstream('http://leaf:8080') } },
      { name: 'sick-proxy', role: { kind: 'proxy', upstream: parseUpstream('http://sick:8080') } },
    ]);
  });
  after(() => mesh[Symbol.asyncDispose]());

  for (const [path, expectation] of notShown) {
    test(`${path}: neither "${expectation}" nor its opposite passes`, async () => {
      const opposite = expectation.startsWith('not ') ? expectation.slice('not '.length) : `not ${expectation}`;
      for (const url of [
        `localhost:${mesh.httpPort('gateway')}${path}`,
        `grpc:localhost:${mesh.grpcPort('gateway')}${path}`,
      ]) {
        const args = ['call', url, '--repeat', '2', '--expect', expectation, '--expect', opposite];
        const { code, stdout } = await runProgram(args);
        assert.equal(code, 1, stdout);
        assert.equal(stdout.match(/^FAIL/gm)?.length, 2, stdout);
      }
    });
  }

  test('expectations pass if an answer shows enough facts', async () => {
    const { code, stdout } = await runProgram([
      ...['call', `localhost:${mesh.httpPort('gateway')}/@reviews;retries=2/~status=503:attempt<2/@leaf/x`],
      ...['--expect', 'leaf calls >= 1', '--expect', 'not leaf calls = 0', '--expect', 'reviews->gateway calls = 0'],
    ]);
    assert.equal(code, 0, stdout);
    const refused = await runProgram([
      ...['call', `localhost:${mesh.httpPort('gateway')}/@127.0.0.1:1;retries=2/@leaf/x`],
      ...['--expect', 'leaf calls = 0', '--expect', 'not leaf calls > 0'],
    ]);
    assert.equal(refused.code, 0, refused.stdout);
  });
});
