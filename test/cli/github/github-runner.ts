import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { cleanEnv } from '../../program.ts';

/** Annotation as the runner reads it from the log. */
export interface RunnerAnnotation {
  readonly level: string;
  readonly message: string;
  readonly file?: string;
  readonly line?: string;
  readonly col?: string;
  readonly title?: string;
}

/** Result of a step. */
export interface Step {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly annotations: readonly RunnerAnnotation[];
  /** Markdown that the step has written. */
  readonly summary: string;
  readonly outputs: Readonly<Record<string, string>>;
}

interface StepPlace {
  /** Folder of the repository. */
  readonly workspace: string;
  /** Working directory in the repository. */
  readonly folder?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a script as the runner of GitHub runs a step with `shell: bash`, with the variables that it documents. */
export async function runStep(script: string, { workspace, folder = '', env = {} }: StepPlace): Promise<Step> {
  const temporary = mkdtempSync(path.join(tmpdir(), 'meshmock-runner-'));
  const file = (name: string): string => {
    const created = path.join(temporary, name);
    writeFileSync(created, '');
    return created;
  };
  const summaryFile = file('summary');
  const outputFile = file('output');
  const scriptFile = file('script.sh');
  writeFileSync(scriptFile, script);
  try {
    const child = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail', scriptFile], {
      cwd: path.join(workspace, folder),
      env: {
        ...cleanEnv(),
        CI: 'true',
        GITHUB_ACTIONS: 'true',
        GITHUB_WORKSPACE: workspace,
        GITHUB_STEP_SUMMARY: summaryFile,
        GITHUB_OUTPUT: outputFile,
        GITHUB_SERVER_URL: 'https://github.test',
        GITHUB_REPOSITORY: 'shop/mesh',
        GITHUB_SHA: 'c'.repeat(40),
        RUNNER_TEMP: temporary,
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = (await once(child, 'close')) as [number | null];
    const [stdout, stderr] = await output;
    const pairs = readFileSync(outputFile, 'utf8').trim().split('\n');
    return {
      code,
      stdout,
      stderr,
      annotations: stdout.split('\n').flatMap(annotationIn),
      summary: readFileSync(summaryFile, 'utf8'),
      outputs: Object.fromEntries(pairs.map((pair) => pair.split(/=(.*)/s, 2))),
    };
  } finally {
    rmSync(temporary, { recursive: true });
  }
}

/** Parses a line of the log as the runner does (actions/runner, ActionCommand.cs). */
function annotationIn(line: string): RunnerAnnotation[] {
  const [, level, properties = '', message = ''] = /^\s*::(error|warning|notice)(?: (.*?))?::(.*)$/.exec(line) ?? [];
  if (level === undefined) return [];
  const pairs = properties.split(',').map((pair) => pair.trim().split(/=(.*)/s, 2));
  const values = pairs.map(([name = '', value = '']) => [
    name,
    decoded(value.replaceAll('%3A', ':').replaceAll('%2C', ',')),
  ]);
  return [{ level, message: decoded(message), ...Object.fromEntries(values) }];
}

function decoded(text: string): string {
  return text.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%');
}
