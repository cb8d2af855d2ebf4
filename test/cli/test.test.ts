import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { after, before, beforeEach, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { readManifestsOfCases } from '../../src/cli/files/case-files.ts';
import { parseDirectives } from '../../src/plan/parse.ts';
import { runProgram, startProgram } from '../program.ts';
import { startForeignServer, startMesh, type TestMesh } from '../running-mesh.ts';

const always = (name: string, ...fields: readonly string[]): string =>
  `  - {name: ${name}, call: /@reviews/x, expect: reviews status = 200${fields.map((field) => `, ${field}`).join('')}}\n`;

const namespaceManifest = (name: string): string => `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}}\n`;

suite('meshmock test on a running mesh', () => {
  let mesh: TestMesh;
  let folder: string;
  let file: string;
  let entry: string;
  before(async () => {
    mesh = await startMesh([
      'gateway',
      'productpage',
      { name: 'reviews', version: 'v1', pod: 'reviews-1' },
      { name: 'reviews', version: 'v2', pod: 'reviews-2' },
      { name: 'sick', behaviour: parseDirectives('/~status=503') },
      { name: 'slow', behaviour: parseDirectives('/~status=503:0.5') },
    ]);
    entry = `http://localhost:${mesh.httpPort('gateway')}`;
    folder = await mkdtemp(path.join(tmpdir(), 'meshmock-test-'));
  });
  after(async () => {
    await mesh[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });
  beforeEach(async () => {
    file = path.join(await mkdtemp(path.join(folder, 'case-')), 'test.yaml');
  });
  /** Runs `meshmock test` for a file with these cases. */
  const run = async (cases: string, ...args: readonly string[]) => {
    await writeFile(file, cases);
    return runProgram(['test', file, '--entry', entry, ...args]);
  };

  test('the report has each case that passes, and the exit code is 0', async () => {
    const { code, stdout, stderr } = await run(`cases:\n${always('one')}${always('two', 'repeat: 10')}`);
    assert.equal(stderr, '');
    assert.match(
      stdout,
      /^\S+test\.yaml\n {4}pass {2}one {2}\d+\.\d s\n {4}pass {2}two {2}\d+\.\d s\n\n2 passed in \d+\.\d s\n$/,
    );
    assert.equal(code, 0);
  });

  test('the report of a failed case has the expectation, the answer, the tree and a command to send it again', async () => {
    const { code, stdout } = await run(`cases:
  - name: sick is well
    from: productpage
    call: /@sick/x
    headers: {end-user: jason}
    repeat: 3
    expect: [sick status = 200, productpage calls = 3, sick calls = 3]
${always('and the next')}`);
    assert.equal(code, 1);
    const [, , expected, seen] = stdout.split('\n');
    assert.match(expected ?? '', /^ {10}expected {2}sick status = 200$/);
    assert.match(seen ?? '', /^ {10}seen {6}.*503/);
    assert.match(stdout, /3 requests: 502 ×3/);
    assert.match(stdout, /productpage v1 \(productpage-1\) +502 .*\n +└─ sick v1 \(sick-1\) +503/);
    assert.match(stdout, /\n {4}pass {2}and the next/);
    assert.match(stdout, /1 passed, 1 failed in/);
    const [, rerun = ''] = / rerun {5}(curl -g .*)/.exec(stdout) ?? [];
    const { stdout: tree } = await promisify(execFile)('sh', ['-c', `${rerun} -s`]);
    assert.match(tree, /\n {3}└─ sick v1 \(sick-1\) +503/);
  });

  const anySide = `cases:
  - {name: who begins, from: productpage, call: /@reviews/x, headers: {end-user: jason}, expect: [productpage->reviews calls = 1]}
  - {name: a post, from: productpage, method: POST, call: /x, expect: status = 200}
`;

  test('the same cases run through a meshmock, at the service itself, and over gRPC', async () => {
    const productpage = `productpage=http://localhost:${mesh.httpPort('productpage')}`;
    for (const args of [[entry], [productpage], [`grpc://localhost:${mesh.grpcPort('gateway')}`]]) {
      await writeFile(file, anySide);
      const { code, stdout } = await runProgram(['test', file, ...args.flatMap((one) => ['--entry', one])]);
      assert.equal(code, 0, `${args}: ${stdout}`);
      const arrivals = mesh.arrivals.filter(({ service }) => service === 'productpage').slice(-2);
      assert.equal(arrivals[0]?.request.headers?.['end-user'], 'jason');
      assert.deepEqual(
        arrivals.map(({ request }) => request.method),
        ['GET', 'POST'],
      );
    }
  });

  test('a case over gRPC sends its request over gRPC', async () => {
    const cases =
      'cases:\n  - {name: g, from: productpage, over: grpc, call: "/@grpc:reviews/x", expect: [status = 200, "reviews calls = 1"]}\n';
    for (const one of [
      entry,
      `grpc://localhost:${mesh.grpcPort('gateway')}`,
      `productpage=grpc://localhost:${mesh.grpcPort('productpage')}`,
    ]) {
      await writeFile(file, cases);
      const { code, stdout, stderr } = await runProgram(['test', file, '--entry', one]);
      assert.equal(code, 0, `${one}: ${stdout}${stderr}`);
      const [arrival] = mesh.arrivals.filter(({ service }) => service === 'productpage').slice(-1);
      assert.equal(arrival?.request.protocol, 'grpc', one);
    }
  });

  test('a case calls a gRPC method, through a meshmock and at the service itself', async () => {
    const cases = `cases:
  - {name: from, from: productpage, call: "/@grpc:reviews/shop.Basket/Get", expect: reviews status = 200}
  - {name: over, from: reviews, over: grpc, call: /shop.Basket/Add, expect: status = 200}
  - {name: fails, from: reviews, over: grpc, call: /~grpc-status=ABORTED/shop.Basket/Drop, expect: status = 200}
`;
    for (const [one, again] of [
      [entry, 'curl -g localhost:PORT/@grpc:reviews;timeout=10s/~grpc-status=ABORTED/shop.Basket/Drop'],
      [
        `reviews=grpc://localhost:${mesh.grpcPort('reviews')}`,
        'npx meshmock call grpc:localhost:PORT/~grpc-status=ABORTED/shop.Basket/Drop',
      ],
    ] as const) {
      await writeFile(file, cases);
      const { code, stdout } = await runProgram(['test', file, '--entry', entry, '--entry', one]);
      assert.equal(code, 1, stdout);
      assert.match(stdout, /^2 passed, 1 failed/m);
      const rerun = /^ *rerun +(.*)$/m.exec(stdout)?.[1] ?? '';
      assert.equal(
        rerun.replaceAll(/:\d+/g, ':PORT').replace(" -H 'Accept: text/plain'", '').replaceAll("'", ''),
        again,
      );
      const arrivals = mesh.arrivals.filter(({ service }) => service === 'reviews').slice(-3);
      assert.deepEqual(
        arrivals.map(({ request }) => request.method),
        ['shop.Basket/Get', 'shop.Basket/Add', 'shop.Basket/Drop'],
      );
    }
  });

  test('a request with a host goes to the entry of its gateway', async () => {
    await using foreign = await startForeignServer((_, response) => response.end('hello'));
    await writeFile(
      file,
      'cases:\n  - {name: h, from: ingress, host: shop.example.com, call: /x, expect: [status = 200, answered-by = foreign]}\n',
    );
    const args = ['test', file, '--entry', `ingress=http://localhost:${foreign.port}`];
    assert.equal((await runProgram(args)).code, 0);
    assert.equal(foreign.requests[0]?.headers.host, 'shop.example.com');
  });

  test('the report has the reason of a skipped case, which is not a failure', async () => {
    const { code, stdout } = await run(`apply: [x.yaml]
before:
  - {name: before, call: /@reviews/x, expect: status = 418}
cases:
  - {name: sick, call: /@reviews/x, given: {reviews: down}, expect: status = 418}
  - {name: host, call: /@reviews/x, host: a.example.com, from: ingress, expect: status = 418}
${always('plain')}`);
    assert.equal(code, 0, stdout);
    assert.match(
      stdout,
      /skip {2}before .*\n +the case needs a mesh without the change: run it there, with --before\n/,
    );
    assert.match(stdout, /skip {2}sick .*\n +a running mesh gets no faults: run cases with "given" without --entry\n/);
    assert.match(stdout, /skip {2}host .*\n +a case with a host needs --entry ingress=URL\n/);
    assert.match(stdout, /1 passed, 3 skipped in/);
  });

  test('a repeated call counts the same through the entry and at the service', async () => {
    const cases =
      'cases:\n  - {name: r, from: productpage, call: /@reviews*10/x, expect: [reviews status = 200, reviews calls = 10]}\n';
    const { code, stdout } = await run(cases);
    assert.equal(code, 0, stdout);
  });

  test('--before runs the cases before a change instead of those with it', async () => {
    const cases = `apply: [x.yaml]
before:
  - {name: before, call: /@reviews/x, expect: status = 200}
cases:
  - {name: with, call: /@reviews/x, expect: status = 418}
always:
${always('both')}`;
    const { code, stdout } = await run(cases, '--before');
    assert.equal(code, 0, stdout);
    assert.match(stdout, /pass {2}before .*\n +pass {2}both /);
    assert.match(stdout, /skip {2}with .*\n +the case needs a mesh with the change: run it there, without --before\n/);
    assert.match(stdout, /2 passed, 2 skipped in/);
    assert.equal((await run(cases)).code, 1);
  });

  test('--only selects cases by a part of their names', async () => {
    const cases = `cases:\n${always('jason gets v2')}${always('everybody else')}`;
    const { stdout } = await run(cases, '--only', 'jason');
    assert.match(stdout, /\n\n1 passed in/);
    const typo = await run(cases, '--only', 'jason', '--only', 'Everyone');
    assert.equal(typo.code, 2);
    assert.match(
      typo.stderr,
      /no case has "Everyone" in its name; similar names: "everybody else", "jason gets v2"\n$/,
    );
    assert.equal(typo.stdout, '');
  });

  test('--retry-until repeats a case until it passes, or its time is over', async () => {
    const cases = 'cases:\n  - {name: r, call: /@slow/x, expect: slow status = 200}\n';
    assert.equal((await run(cases, '--retry-until', '20s')).code, 0);
    const never = 'cases:\n  - {name: r, call: /@sick/x, expect: sick status = 200, retry-until: 5s}\n';
    const startedAt = mesh.arrivals.length;
    assert.equal((await run(never)).code, 1);
    const tries = mesh.arrivals.slice(startedAt).filter(({ service }) => service === 'sick').length;
    assert.ok(tries >= 2 && tries <= 26, `${tries} tries`);
  });

  test('--json prints each case with its expectations, and nothing else', async () => {
    const { code, stdout } = await run(
      `cases:\n${always('one')}  - {name: two, call: /@sick/x, expect: sick status = 200}\n  - {name: three, call: /x, given: {a: down}, expect: status = 200}\n`,
      '--json',
    );
    assert.equal(code, 1);
    const { files } = JSON.parse(stdout);
    assert.equal(files[0].file, file);
    const [one, two, three] = files[0].cases;
    assert.deepEqual([one.name, one.outcome, one.where], ['one', 'passed', `${file}:2:5`]);
    assert.deepEqual(two.expectations, [
      { expectation: 'sick status = 200', passed: false, seen: two.expectations[0].seen },
    ]);
    assert.match(two.again, /^curl -g /);
    assert.equal(two.call.reply.service, 'gateway');
    assert.deepEqual(
      [three.outcome, three.problem],
      ['skipped', 'a running mesh gets no faults: run cases with "given" without --entry'],
    );
  });

  test('--junit writes a file for CI servers', async () => {
    const junit = path.join(folder, 'out.xml');
    await run(
      `cases:\n${always('one')}  - {name: two, call: /@sick/x, expect: sick status = 200}\n  - {name: three, call: /x, given: {a: down}, expect: status = 200}\n`,
      ...['--junit', junit],
    );
    const xml = await readFile(junit, 'utf8');
    assert.match(xml, /<testsuite name="[^"]*test\.yaml" tests="3" failures="1" errors="0" skipped="1"/);
    assert.match(xml, /name="two"[^>]*>\s*<failure message="expected sick status = 200, seen /);
    assert.match(xml, /<testcase classname="[^"]*test\.yaml" name="one"/);
    const refused = await run(`cases:\n${always('one')}`, '--junit', path.join(folder, 'none/out.xml'));
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /--junit: .*no such file/);
  });

  test('the JUnit file has no colors, even if the terminal has them', async () => {
    await writeFile(file, 'cases:\n  - {name: two, call: /@sick/x, expect: sick status = 200}\n');
    const junit = path.join(folder, 'plain.xml');
    await using program = startProgram(['test', file, '--entry', entry, '--junit', junit], { FORCE_COLOR: '1' });
    assert.equal(await program.exited(), 1);
    assert.ok(program.stdout.includes('\u001b[31m503'));
    const xml = await readFile(junit, 'utf8');
    assert.match(xml, /sick v1 \(sick-1\) +503/);
    assert.doesNotMatch(xml, /\[\d+m/);
  });

  test('the exit code is 3 when nothing answers, and 1 when a case also fails', async () => {
    await using gone = await startMesh(['gone']);
    const port = gone.httpPort('gone');
    await gone[Symbol.asyncDispose]();
    await writeFile(
      file,
      `cases:\n${always('one')}  - {name: b, from: b, call: /@sick/x, expect: sick status = 200}\n`,
    );
    const dead = ['test', file, '--entry', `http://localhost:${port}`];
    const { code, stdout } = await runProgram(dead);
    assert.equal(code, 3);
    assert.match(stdout, /FAIL {2}one .*\n(?:.*\n)*? +localhost:\d+ does not answer: /);
    assert.equal((await runProgram([...dead, '--entry', entry.replace('http', 'b=http')])).code, 1);
  });

  test('a case may expect that nothing answers', async () => {
    await using gone = await startMesh(['gone']);
    const port = gone.httpPort('gone');
    await gone[Symbol.asyncDispose]();
    await writeFile(file, 'cases:\n  - {name: one, call: /x, expect: answered-by = nobody}\n');
    assert.equal((await runProgram(['test', file, '--entry', `http://localhost:${port}`])).code, 0);
  });

  test('an answer of a server in between does not count as the answer of the service', async () => {
    const cases = (...all: readonly string[]): string => `cases:\n${all.map((one) => `  - {${one}}\n`).join('')}`;
    await using closed = await startForeignServer((_, response) => void response.writeHead(403).end());
    await writeFile(file, cases('name: one, from: reviews, call: /@details/x, expect: [status = 403]'));
    const login = await runProgram(['test', file, '--entry', `http://localhost:${closed.port}`]);
    assert.equal(login.code, 1);
    assert.match(login.stdout, /localhost:\d+ answered 403 and made no call: check that it is a meshmock/);
    const nowhere = await run(
      cases(
        'name: status, from: nowhere, call: /x, expect: [status != 200]',
        'name: calls, from: nowhere, call: /@reviews/x, expect: [reviews calls = 0]',
      ),
    );
    assert.equal(nowhere.code, 3);
    assert.match(nowhere.stdout, /FAIL {2}status .*\n(?:.*\n)*? +nowhere:8080 does not answer: /);
    const head = await run(
      cases(
        'name: nobody, from: nowhere, method: HEAD, call: /x, expect: [answered-by = nobody]',
        'name: sick, from: sick, method: HEAD, call: /x, expect: [status = 503]',
      ),
    );
    assert.equal(head.code, 0, head.stdout);
  });

  test('a folder has the files of cases in it and in the folders below', async () => {
    const [, one, two] = [path.dirname(file), path.dirname(file), path.join(path.dirname(file), 'sub')];
    await mkdir(two);
    await writeFile(path.join(one, 'a.test.yaml'), `cases:\n${always('one')}`);
    await writeFile(path.join(two, 'test.yml'), `cases:\n${always('two')}`);
    await writeFile(path.join(two, 'mesh.yaml'), 'no: cases\n');
    const { code, stdout } = await runProgram(['test', one, '--entry', entry]);
    assert.equal(code, 0, stdout);
    assert.deepEqual(stdout.match(/pass {2}\w+/g), ['pass  one', 'pass  two']);
  });

  test('wrong files and flags are reported before anything is sent, with exit code 2', async () => {
    await writeFile(file, `cases:\n${always('one')}`);
    const bad = path.join(path.dirname(file), 'bad.test.yaml');
    await writeFile(bad, 'cases:\n  - {name: n, call: /@, expect: status = 200}\n');
    const empty = await mkdtemp(path.join(folder, 'empty-'));
    const noYaml = path.join(path.dirname(file), 'no-yaml.yaml');
    await writeFile(noYaml, 'apiVersion: v1\nkind: [Service\n');
    const manifest = path.join(path.dirname(file), 'manifest.yaml');
    await writeFile(manifest, ['a', 'b'].map((name) => namespaceManifest(name)).join('---\n'));
    const before = mesh.arrivals.length;
    for (const [args, message] of [
      [[], /expected at least one FILE or DIR with cases/],
      [[empty, '--entry', entry], /this folder has no file test\.yaml, \*\.test\.yaml or \*_test\.yaml/],
      [[`${folder}/nowhere`, '--entry', entry], /nowhere: no such file or folder/],
      [[file, '--manifests', `${folder}/gone.yaml`], /test\.yaml: no such file or folder: .*gone\.yaml/],
      [
        [file, '--manifests', noYaml],
        /no-yaml\.yaml:2:7: invalid YAML: the closing \S is missing\nkind: \[Service\n {6}\^ expected a closing \]\n$/,
      ],
      [
        [manifest, '--entry', entry],
        /manifest\.yaml: expected a file of cases, found a Kubernetes manifest: .*"manifests: \[manifest\.yaml\]"/,
      ],
      [[file, bad, '--entry', entry], /bad\.test\.yaml:2:21: .*expected[\s\S]*\^/],
      [[file, '--entry', 'ftp://a:1'], /"ftp:\/\/a:1": expected http:\/\/HOST:PORT or grpc:\/\/HOST:PORT, or NAME=URL/],
      [[file, '--entry', 'shop:80=http://localhost:1'], /--entry shop:80=…: .* without a port: write shop=URL/],
      [[file, '--entry', entry, '--istio'], /--entry calls a running mesh and --istio starts one/],
      [[file, '--entry', entry, '--contrast'], /--contrast changes the mesh/],
      [[file, '--entry', entry, '--keep'], /--keep needs a local mesh/],
      [[file, '--entry', entry, '--fail-untested'], /--fail-untested needs a local mesh/],
      [[file, '--entry', entry, '--mesh-config', 'mesh.yaml'], /--mesh-config needs a local mesh/],
      [[file, '--entry', entry, '--max-replicas', '1'], /--max-replicas needs a local mesh/],
      [[file, '--only', 'one', '--fail-untested'], /--fail-untested needs all cases, and --only leaves some out/],
      [[file, '--before'], /--before needs a running mesh/],
      [[file, '--entry', entry, '--only'], /--only/],
      [[file, '--entry', entry, '--timeout', '5'], /--timeout/],
    ] as [string[], RegExp][]) {
      const { code, stderr } = await runProgram(['test', ...args]);
      assert.equal(code, 2, `${args}: ${stderr}`);
      assert.match(stderr, message);
    }
    assert.equal(mesh.arrivals.length, before);
  });

  test('a case without an entry fails, with the flag to add', async () => {
    await writeFile(file, `cases:\n${always('one', 'from: reviews')}${always('two')}`);
    const { code, stdout } = await runProgram([
      ...['test', file, '--entry'],
      `productpage=http://localhost:${mesh.httpPort('productpage')}`,
    ]);
    assert.equal(code, 1);
    assert.match(stdout, /add --entry reviews=URL, or --entry URL of a meshmock that can call it/);
    assert.match(stdout, /add --entry http:\/\/HOST:PORT/);
  });

  test('--watch runs a file again when it is written, replaced, and fixed after an error', async () => {
    await writeFile(file, `cases:\n${always('first')}`);
    await using program = startProgram(['test', file, '--entry', entry, '--watch']);
    await program.printed(/pass {2}first[\s\S]*1 passed/);
    await writeFile(file, `cases:\n${always('second')}`);
    await program.printed(/pass {2}second[\s\S]*1 passed/);
    // Some editors replace a file this way.
    await writeFile(`${file}.new`, `cases:\n${always('third')}`);
    await rename(`${file}.new`, file);
    await program.printed(/pass {2}third[\s\S]*1 passed/);
    await writeFile(file, 'cases:\n  - {name: broken}\n');
    while (!/test\.yaml:2:5: expected the field expect/.test(program.stderr))
      await new Promise((resolve) => program.child.stderr?.once('data', resolve));
    await writeFile(file, `cases:\n  - {name: fourth, call: /@sick/x, expect: sick status = 200}\n`);
    await program.printed(/FAIL {2}fourth[\s\S]*1 failed/);
    program.child.kill('SIGINT');
    assert.equal(await program.exited(), 1);
  });

  test('--watch runs only the files that depend on a change', async () => {
    const other = path.join(path.dirname(file), 'other.test.yaml');
    await writeFile(file, `manifests: [m/a.yaml]\ncases:\n${always('mine')}`);
    await writeFile(other, `cases:\n${always('theirs')}`);
    await using program = startProgram(['test', file, other, '--entry', entry, '--watch']);
    await program.printed(/2 passed/);
    // The folder of the manifest is new.
    await mkdir(path.join(path.dirname(file), 'm'));
    await program.printed(/2 passed[\s\S]*pass {2}mine[\s\S]*1 passed/);
    assert.equal(program.stdout.match(/theirs/g)?.length, 1);
  });

  test('--watch sees changes of the target of a link, and of the link', async () => {
    const real = await mkdtemp(path.join(folder, 'real-'));
    const manifest = path.join(real, 'mesh.yaml');
    await writeFile(manifest, '');
    await symlink(manifest, path.join(path.dirname(file), 'link.yaml'));
    await writeFile(file, `manifests: [link.yaml]\ncases:\n${always('one')}`);
    await using program = startProgram(['test', file, '--entry', entry, '--watch']);
    const waits = async (times: number): Promise<void> => {
      while ((program.stderr.match(/waiting for changes/g)?.length ?? 0) < times)
        await once(program.child.stderr as Readable, 'data', { signal: AbortSignal.timeout(20_000) });
    };
    await waits(1);
    await writeFile(manifest, namespaceManifest('a'));
    await waits(2);
    await symlink(file, path.join(path.dirname(file), 'link.yaml.new'));
    await rename(path.join(path.dirname(file), 'link.yaml.new'), path.join(path.dirname(file), 'link.yaml'));
    await waits(3);
    assert.equal(program.stdout.match(/1 passed/g)?.length, 3);
  });

  test('--watch follows files that are added to a folder, or deleted', async () => {
    const top = path.dirname(file);
    await writeFile(file, `cases:\n${always('first')}`);
    await using program = startProgram(['test', top, '--entry', entry, '--watch']);
    const timely = { signal: AbortSignal.timeout(60_000) };
    const said = async (pattern: RegExp): Promise<void> => {
      while (!pattern.test(program.stderr)) await once(program.child.stderr as Readable, 'data', timely);
    };
    await said(/^meshmock: \d\d:\d\d:\d\d waiting for changes until Ctrl-C\n$/);
    await writeFile(path.join(top, 'mesh.yaml'), 'no: cases\n');
    await writeFile(path.join(top, 'a.test.yaml'), `cases:\n${always('second')}`);
    await program.printed(/pass {2}second[\s\S]*1 passed/);
    await said(/changed: \S+\/a\.test\.yaml\n.*waiting for changes[^\n]*\n$/);
    await mkdir(path.join(top, 'sub'));
    await writeFile(path.join(top, 'sub/test.yaml'), `cases:\n${always('third')}`);
    await program.printed(/pass {2}third[\s\S]*1 passed/);
    await rm(path.join(top, 'a.test.yaml'));
    await said(/a\.test\.yaml \(deleted\)\n.*waiting for changes[^\n]*\n$/);
    await writeFile(path.join(top, 'sub/test.yaml'), 'cases: [\n');
    await said(/sub\/test\.yaml:1:8: invalid YAML/);
    await writeFile(path.join(top, 'sub/test.yaml'), `cases:\n${always('fourth')}`);
    await program.printed(/pass {2}fourth[\s\S]*1 passed/);
    assert.deepEqual(program.stdout.match(/(?<=pass {2})\w+/g), ['first', 'second', 'third', 'fourth']);
  });

  test('Ctrl-C ends the run during a case, and keeps the results so far', async () => {
    const long = '  - {name: long, call: /~delay=10s/x, expect: status = 200}\n';
    await writeFile(file, `cases:\n${always('first')}${long}${always('third')}`);
    const next = path.join(path.dirname(file), 'next.test.yaml');
    await writeFile(next, `cases:\n${always('fourth')}`);
    const junit = path.join(path.dirname(file), 'out.xml');
    await writeFile(junit, 'of yesterday');
    await using program = startProgram(['test', file, next, '--entry', entry, '--junit', junit]);
    await program.printed(/pass {2}first/);
    const startedAt = performance.now();
    program.child.kill('SIGINT');
    assert.equal(await program.exited(), 1);
    // The rest of the case takes up to 10 s.
    assert.ok(performance.now() - startedAt < 8000);
    assert.match(program.stdout, /pass {2}first {2}\d+\.\d s\n\n1 passed, 3 not run, stopped after \d+\.\d s\n$/);
    const xml = await readFile(junit, 'utf8');
    assert.match(xml, /^<\?xml[^>]*>\s*<testsuites tests="5" failures="0" errors="1" skipped="3"/);
    for (const name of ['long', 'third', 'fourth'])
      assert.match(xml, new RegExp(`name="${name}"[^>]*>\\s*<skipped message="not run: stopped"/>`));
    assert.match(xml, /<error message="meshmock test stopped early: it was stopped"\/>/);
    assert.doesNotMatch(xml, /yesterday/);
  });

  test('Ctrl-C ends the run with complete JSON', async () => {
    const asked = Promise.withResolvers<void>();
    await using silent = await startForeignServer(({ url }, response) => {
      if (url === '/long') asked.resolve();
      else response.end();
    });
    const one = (name: string): string => `  - {name: ${name}, from: a, call: /${name}, expect: status = 200}\n`;
    await writeFile(file, `cases:\n${one('first')}${one('long')}`);
    await using program = startProgram(['test', file, '--entry', `a=http://localhost:${silent.port}`, '--json']);
    await asked.promise;
    program.child.kill('SIGINT');
    assert.equal(await program.exited(), 1);
    const [{ cases }] = JSON.parse(program.stdout).files;
    assert.deepEqual(
      cases.map(({ outcome, problem }: { outcome: string; problem?: string }) => [outcome, problem]),
      [
        ['passed', undefined],
        ['not_run', 'stopped'],
      ],
    );
  });

  test('a run without a result replaces an old JUnit file', async () => {
    const junit = path.join(path.dirname(file), 'out.xml');
    const ended = /^<\?xml[^>]*>\s*<testsuites tests="1" failures="0" errors="1"[\s\S]*meshmock test stopped early/;
    await writeFile(junit, 'of yesterday');
    assert.equal((await run('cases: [', '--junit', junit)).code, 2);
    assert.match(await readFile(junit, 'utf8'), ended);
    await writeFile(junit, 'of yesterday');
    await writeFile(file, 'cases:\n  - {name: long, call: /~delay=10s/x, expect: status = 200}\n');
    await using program = startProgram(['test', file, '--entry', entry, '--junit', junit]);
    await program.printed(/test\.yaml/);
    program.child.kill('SIGKILL');
    await program.exited();
    assert.match(await readFile(junit, 'utf8'), ended);
  });

  test('--junit writes to a pipe once', async () => {
    await writeFile(file, `cases:\n${always('one')}`);
    const main = path.resolve('dist/cli/main.js');
    const args = [process.execPath, main, 'test', file, '--entry', entry, '--junit', '/dev/stdout'];
    const { stdout } = await promisify(execFile)('sh', ['-c', '"$@" | cat', 'sh', ...args]);
    assert.equal(stdout.match(/<testsuites/g)?.length, 1);
  });

  test('the exit code is 2 when no case was tried, with the reason', async () => {
    const skipped = (name: string, field: string): string =>
      `  - {name: ${name}, call: /x, ${field}, expect: status = 200}\n`;
    const sick = await run(`cases:\n${skipped('a', 'given: {a: down}')}${skipped('b', 'given: {b: down}')}`);
    assert.equal(sick.code, 2);
    assert.match(sick.stdout, /0 passed, 2 skipped in/);
    assert.equal(
      sick.stderr,
      'meshmock: no case was tried: a running mesh gets no faults: run cases with "given" without --entry\n',
    );
    const both = await run(
      `cases:\n${skipped('a', 'given: {a: down}')}${skipped('b', 'from: b, host: a.example.com')}`,
    );
    assert.equal(both.code, 2);
    assert.match(both.stderr, /no case was tried: a running mesh gets .* \(and 1 other reason\)\n$/);
    const alone = await run(`apply: [x.yaml]\nbefore:\n${always('one')}cases:\n${always('two')}`, '--only', 'one');
    assert.equal(alone.code, 2);
    assert.match(
      alone.stderr,
      /no case was tried: the case needs a mesh without the change: run it there, with --before\n$/,
    );
  });

  test('a machine that cannot run a local mesh is one error, with exit code 2', async () => {
    await writeFile(file, `cases:\n${always('one')}`);
    await using program = startProgram(['test', file], { PATH: folder });
    assert.equal(await program.exited(), 2);
    assert.equal(program.stdout, '');
    assert.match(program.stderr, /^meshmock: this machine lacks /);
  });
});

test('a file of manifests that several names include is read once, and each of its errors is reported once', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'meshmock-twice-'));
  try {
    const k8s = path.join(folder, 'k8s');
    await mkdir(k8s);
    await writeFile(path.join(k8s, 'mesh.yaml'), namespaceManifest('a'));
    await symlink(k8s, path.join(folder, 'link'));
    const names = [k8s, path.join(k8s, 'mesh.yaml'), path.join(folder, 'link')];
    assert.deepEqual(
      readManifestsOfCases(names).map(({ name }) => name),
      [path.join(k8s, 'mesh.yaml')],
    );
    await writeFile(path.join(k8s, 'mesh.yaml'), 'apiVersion: v1\nkind: [Service\n');
    const cases = path.join(folder, 'test.yaml');
    await writeFile(cases, `manifests: [k8s, k8s/mesh.yaml]\ncases:\n${always('one')}`);
    const { code, stderr } = await runProgram(['test', cases, '--manifests', path.join(folder, 'link')]);
    assert.equal(code, 2);
    assert.deepEqual(stderr.match(/mesh\.yaml:2:7: invalid YAML/g)?.length, 1, stderr);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a folder may have manifests and files of cases', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'meshmock-beside-'));
  try {
    await writeFile(path.join(folder, 'mesh.yaml'), namespaceManifest('a'));
    await writeFile(path.join(folder, 'load_test.yaml'), namespaceManifest('b'));
    await writeFile(path.join(folder, 'test.yaml'), `manifests: [.]\ncases:\n${always('one')}`);
    assert.deepEqual(
      readManifestsOfCases([folder]).map(({ name }) => path.basename(name)),
      ['load_test.yaml', 'mesh.yaml'],
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});
