import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, suite, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { runSummary } from '../../../src/cli/test/github-summary.ts';
import { parseFilePosition } from '../../../src/error/file-position.ts';
import { parseDirectives } from '../../../src/plan/parse.ts';
import { main } from '../../program.ts';
import { startMesh, type TestMesh } from '../../running-mesh.ts';
import { runStep, type Step } from './github-runner.ts';

test('a note is a warning at its line, once for all files, and the summary of the step has it', async () => {
  const source = new URL('../../../src/cli/test/github-report.ts', import.meta.url).href;
  const place = 'k8s/istio.yaml:12:13';
  const note = 'virtualservice/catalog: no DestinationRule defines the subset v3 | x';
  const file = { cases: [], problem: undefined, notes: [`${place}: ${note}`, 'kubectl kustomize k8s:1:1: x'] };
  const results = JSON.stringify(['a', 'b'].map((name) => ({ name, ...file })));
  const script = `import { reportRun } from '${source}'; reportRun(${results}, { failUntested: false }, 'stopped');`;
  const workspace = await mkdtemp(path.join(tmpdir(), 'meshmock-github-'));
  try {
    await mkdir(path.join(workspace, 'k8s'));
    await writeFile(path.join(workspace, 'k8s/istio.yaml'), '');
    await writeFile(path.join(workspace, 'report.ts'), script);
    const { annotations, summary, stderr } = await runStep(`'${process.execPath}' report.ts`, { workspace });
    assert.deepEqual(
      annotations.map(({ level, file, line, col, title, message }) => ({ level, file, line, col, title, message })),
      [
        {
          level: 'error',
          file: undefined,
          line: undefined,
          col: undefined,
          title: 'meshmock test',
          message: 'stopped',
        },
        { level: 'warning', file: 'k8s/istio.yaml', line: '12', col: '13', title: 'note', message: note },
      ],
      stderr,
    );
    const link = `https://github.test/shop/mesh/blob/${'c'.repeat(40)}/k8s/istio.yaml#L12`;
    const rows = [
      `| ${note.replace('|', '&#124;')} | [k8s/istio.yaml:12](${link}) |`,
      '| kubectl kustomize k8s:1:1: x |  |',
    ];
    assert.ok(summary.includes(`\n| note | place |\n|---|---|\n${rows.join('\n')}\n`), summary);
  } finally {
    await rm(workspace, { recursive: true });
  }
});

test('the summary has the numbers and the words of the text report', async () => {
  const from = (file: string): string => new URL(`../../../src/cli/test/${file}`, import.meta.url).href;
  const part = { object: 'VirtualService a', part: 'route 1', where: 'a.yaml:3:7' };
  const file = { name: 'a', cases: [], problem: 'a.yaml:1:1: no\nb.yaml:1:1: no', notes: [] };
  const results = JSON.stringify([{ ...file, coverage: { untested: [part, part], unknown: [] } }]);
  const script = `import { reportRun } from '${from('github-report.ts')}';
    import { TestReport } from '${from('test-report.ts')}';
    const results = ${results};
    new TestReport((text) => process.stdout.write(text), { meshEnds: false, failUntested: true }).end(results, 0, true);
    reportRun(results, { failUntested: true }, undefined);`;
  const workspace = await mkdtemp(path.join(tmpdir(), 'meshmock-github-'));
  try {
    await writeFile(path.join(workspace, 'report.ts'), script);
    const { stdout, summary } = await runStep(`'${process.execPath}' report.ts`, { workspace });
    const counts = '0 passed, 1 file refused, 2 untested';
    assert.match(stripVTControlCharacters(stdout), new RegExp(`^${counts} in `, 'm'));
    assert.equal(summary.split('\n')[0], `### :x: meshmock test: ${counts}`);
  } finally {
    await rm(workspace, { recursive: true });
  }
});

test('a link in the summary leads to a file with any name', () => {
  const step = { workspace: process.cwd(), summaryFile: undefined, filesUrl: 'https://github.test/blob/1' };
  const position = { file: 'k8s/a #1 (old)?.yaml', line: 3, column: 1 };
  const notes = [{ position, title: 'note', message: 'x' }];
  const summary = runSummary([], { failures: [], notes, failUntested: false }, step);
  assert.ok(summary.includes('](https://github.test/blob/1/k8s/a%20%231%20%28old%29%3f.yaml#L3)'), summary);
});

test('a place is parsed at the beginning of a line only', () => {
  assert.deepEqual(parseFilePosition('k8s/a.yaml:3:5: no'), { file: 'k8s/a.yaml', line: 3, column: 5 });
  assert.deepEqual(parseFilePosition('a.yaml:3:5'), { file: 'a.yaml', line: 3, column: 5 });
  for (const text of ['no', 'a.yaml:3: no', ' a.yaml:3:5: no', 'a.yaml:3:5x', ''])
    assert.equal(parseFilePosition(text), undefined, text);
});

suite('meshmock test --github, in a step of a workflow', () => {
  let mesh: TestMesh;
  let workspace: string;
  before(async () => {
    mesh = await startMesh([
      'gateway',
      'reviews',
      { name: 'sick', behaviour: parseDirectives('/~status=503/~body=a%0A%0A%7Cb') },
    ]);
    workspace = await mkdtemp(path.join(tmpdir(), 'meshmock-github-'));
    await mkdir(path.join(workspace, 'tests, all'));
  });
  after(async () => {
    await mesh[Symbol.asyncDispose]();
    await rm(workspace, { recursive: true });
  });

  /** Runs a file of cases as a step whose working directory is a folder of the repository. */
  const run = async (cases: string, ...args: readonly string[]): Promise<Step> => {
    await writeFile(path.join(workspace, 'tests, all/a.test.yaml'), cases);
    const entry = `http://localhost:${mesh.httpPort('gateway')}`;
    const command = [process.execPath, main, 'test', 'a.test.yaml', '--entry', entry, '--github', ...args];
    return runStep(command.map((word) => `'${word}'`).join(' '), { workspace, folder: 'tests, all' });
  };

  test('a summary stays below the size that GitHub accepts', async () => {
    const name = '*'.repeat(2000);
    const cases = Array.from(
      { length: 300 },
      (_, number) => `  - {name: "${name}${number}", call: /@reviews/x, expect: reviews status = 503}`,
    );
    const { code, annotations, summary } = await run(`cases:\n${cases.join('\n')}\n`);
    assert.equal(code, 1);
    assert.equal(annotations.length, 300);
    assert.ok(Buffer.byteLength(summary) < 1_048_576, `${Buffer.byteLength(summary)} bytes`);
    assert.match(summary, /300 failed\n/);
    assert.match(summary, /\nThe log has \d+ more\.\n/);
  });

  test('a name with commands of the runner in it is text', async () => {
    const { annotations, stdout } = await run(`cases:
  - {name: "one\\r\\n::warning::two,three:four%", call: /@reviews/x, expect: reviews status = 503}
`);
    assert.deepEqual(
      annotations.map(({ level, title }) => ({ level, title })),
      [{ level: 'error', title: 'one\r\n::warning::two,three:four%' }],
      stdout,
    );
  });

  test('the action asks for an image if no registry can have one', async () => {
    const action = new URL('../../..', import.meta.url).pathname;
    const { code, annotations } = await runStep('"$GITHUB_ACTION_PATH/.github/action/test.sh"', {
      workspace,
      env: { GITHUB_ACTION_PATH: action, RUNNER_TEMP: workspace, ACTION_REPOSITORY: '', IMAGE: '', TESTS: 'a' },
    });
    assert.equal(code, 2);
    assert.match(annotations[0]?.message ?? '', /set the input "image"/);
  });

  test('a case that fails is an error at its line, and the summary of the step has it with a link', async () => {
    const { code, annotations, summary } = await run(`cases:
  - {name: reviews is well, call: /@reviews/x, expect: reviews status = 200}
  - name: "100% | <well>"
    call: /@sick/x
    expect: [sick status = 200, sick calls = 1]
  - {name: ties, call: /@reviews/x, expect: reviews status = 503}
`);
    assert.equal(code, 1);
    assert.deepEqual(
      annotations.map(({ level, file, line, col, title }) => ({ level, file, line, col, title })),
      [
        { level: 'error', file: 'tests, all/a.test.yaml', line: '3', col: '5', title: '100% | <well>' },
        { level: 'error', file: 'tests, all/a.test.yaml', line: '6', col: '5', title: 'ties' },
      ],
    );
    assert.match(annotations[0]?.message ?? '', /^expected {2}sick status = 200\nseen {6}503.*\nGET \/@sick\/x\n/s);
    const lines = summary.split('\n');
    assert.equal(lines[0], '### :x: meshmock test: 1 passed, 2 failed');
    const link = `https://github.test/shop/mesh/blob/${'c'.repeat(40)}/tests,%20all/a.test.yaml`;
    const rows = lines.filter((line) => line.startsWith('| ') && line.includes(link));
    assert.deepEqual(
      rows.map((row) => row.split('|').length),
      [5, 5],
    );
    assert.ok(
      rows[0]?.startsWith(`| 100% &#124; &lt;well&gt; | [tests, all/a.test.yaml:3](${link}#L3) | expected sick`),
      summary,
    );
    assert.match(summary, /<details><summary>100% \| &lt;well&gt;<\/summary>\n\n<pre>(?:(?!\n\n).)*<\/pre>/s);
  });

  test('a run without failures has no annotations, and a summary', async () => {
    const { code, annotations, summary } = await run(
      'cases:\n  - {name: one, call: /@reviews/x, expect: reviews status = 200}\n',
    );
    assert.deepEqual([code, annotations], [0, []]);
    assert.equal(summary.trim(), '### :white_check_mark: meshmock test: 1 passed');
  });

  test('each error of a file is annotated at its line', async () => {
    const { code, annotations, summary } = await run(`cases:
  - {name: one, call: /@reviews/x, expcet: reviews status = 200, expect: reviews status = 200}
  - {name: two, call: /@reviews/x, expect: reviews stats = 200}
`);
    assert.equal(code, 2);
    assert.deepEqual(
      annotations.map(({ file, line }) => `${file}:${line}`),
      ['tests, all/a.test.yaml:2', 'tests, all/a.test.yaml:3'],
    );
    assert.match(summary, /^### :x: meshmock test did not run\n\n\| place \| error \|\n/);
  });

  test('a run in which no case was tried says so', async () => {
    const { code, annotations } = await run(
      'cases:\n  - {name: one, call: /x, given: {a: down}, expect: status = 200}\n',
    );
    assert.equal(code, 2);
    assert.deepEqual(
      annotations.map(({ file, title }) => ({ file, title })),
      [{ file: undefined, title: 'meshmock test' }],
    );
    assert.match(annotations[0]?.message ?? '', /^no case was tried: a running mesh gets no faults/);
  });

  test('JUnit has the file and the line of each case', async () => {
    await run(
      'cases:\n  - {name: one, call: /@sick/x, expect: sick status = 200}\n  - {name: two, call: /x, expect: status = 200}\n',
      '--junit',
      'out.xml',
    );
    const xml = await readFile(path.join(workspace, 'tests, all/out.xml'), 'utf8');
    assert.match(xml, /<testcase [^>]*name="one"[^>]* file="a.test.yaml" line="2">\s*<failure/);
    assert.match(xml, /<testcase [^>]*name="two"[^>]* file="a.test.yaml" line="3">\s*<system-out/);
  });

  test('--github excludes --json', async () => {
    const { code, stderr } = await run('cases: []', '--json');
    assert.equal(code, 2);
    assert.match(stderr, /--github prints annotations and --json only JSON/);
  });
});
