import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { FilePosition } from '../../error/file-position.ts';

/** Message that GitHub shows at a line of a file. */
export interface Annotation {
  /** Undefined if the message is not about a file. */
  readonly position: FilePosition | undefined;
  readonly title: string;
  readonly message: string;
}

/** Environment of a step in a workflow of GitHub Actions. */
export interface GithubStep {
  /** Folder of the repository. GitHub finds files relative to it. */
  readonly workspace: string;
  /** Path of the file that receives the summary of the step, in Markdown; undefined outside of a workflow. */
  readonly summaryFile: string | undefined;
  /** URL of the commit's files, without a slash at its end; undefined outside of a workflow. */
  readonly filesUrl: string | undefined;
}

/** Reads the variables that GitHub sets for every step. */
export function githubStep(env: NodeJS.ProcessEnv): GithubStep {
  const { GITHUB_WORKSPACE, GITHUB_STEP_SUMMARY, GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_SHA } = env;
  const parts = [GITHUB_SERVER_URL, GITHUB_REPOSITORY, 'blob', GITHUB_SHA];
  return {
    workspace: nonEmpty(GITHUB_WORKSPACE) ?? process.cwd(),
    summaryFile: nonEmpty(GITHUB_STEP_SUMMARY),
    filesUrl: parts.every((part) => nonEmpty(part) !== undefined) ? parts.join('/') : undefined,
  };
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/**
 * Returns the command that makes GitHub show an error or a warning.
 *
 * @example
 * annotationCommand('error', { position: { file: 'a.yaml', line: 3, column: 5 }, title: 'v2', message: 'no' }, step);
 * // '::error file=a.yaml,line=3,col=5,title=v2::no'
 */
export function annotationCommand(
  level: 'error' | 'warning',
  { position, title, message }: Annotation,
  step: GithubStep,
): string {
  const place =
    position === undefined
      ? []
      : [
          `file=${escapeProperty(inRepository(position.file, step))}`,
          `line=${position.line}`,
          `col=${position.column}`,
        ];
  const properties = [...place, `title=${escapeProperty(title)}`];
  return `::${level} ${properties.join(',')}::${escapeData(message)}`;
}

/** Returns the path of a file in its repository, with slashes. */
export function inRepository(file: string, { workspace }: GithubStep): string {
  return path.relative(workspace, path.resolve(file)).split(path.sep).join('/');
}

/** Escapes a message as GitHub's own toolkit does. */
function escapeData(text: string): string {
  return stripVTControlCharacters(text).replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
