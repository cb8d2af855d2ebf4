import { formatPath } from '../../plan/format.ts';
import { parsePath } from '../../plan/parse.ts';
import { element, fill } from '../dom/elements.ts';
import type { PageData } from '../model/page-data.ts';
import type { Run, RunResult } from '../model/run.ts';
import { resultView } from './result-view.ts';
import { runPlan, urlOf } from './run-plan.ts';
import { urlLine } from './url-line.ts';

/** Starts the page: shows the reply that came with it, and runs what the user types. */
export function startPage(app: HTMLElement, data: PageData): void {
  const runs: Run[] = [];
  const results = element('div', { id: 'results' });
  let running: AbortController | undefined;
  const line = urlLine(typedPath(), { onChange() {}, onRun: () => void run() });
  const show = (path: string, result: RunResult): void => {
    const made = { number: runs.length + 1, path, at: new Date().toTimeString().slice(0, 8), result };
    runs.push(made);
    fill(results, resultView(made, data));
  };
  const run = async (): Promise<void> => {
    if (running !== undefined) {
      running.abort();
      return;
    }
    const path = line.text;
    if (line.plan === undefined) return;
    running = new AbortController();
    line.setRunning(true);
    const result = await runPlan(path, running.signal);
    running = undefined;
    line.setRunning(false);
    history.pushState(undefined, '', urlOf(path));
    show(path, result);
  };
  fill(app, header(data), element('main', {}, line.element, results));
  show(line.text, { kind: 'reply', reply: data.reply });
}

/**
 * Returns the path of the address bar as it was typed. Browsers encode `|` and `<`, and show them encoded. They are decoded where the
 * plan stays the same.
 */
function typedPath(): string {
  const path = location.pathname + location.search;
  const readable = path.replaceAll(/%7C/gi, '|').replaceAll(/%3C/gi, '<');
  try {
    return formatPath(parsePath(readable)) === formatPath(parsePath(path)) ? readable : path;
  } catch {
    return readable;
  }
}

function header({ reply }: PageData): HTMLElement {
  const { service, version = '', pod, namespace } = reply;
  const place = [pod, namespace].filter((part) => part !== undefined).join(' in ');
  return element(
    'header',
    { class: 'top' },
    element('a', { href: '/', class: 'brand' }, 'meshmock'),
    element('h1', {}, `${service} ${version}`, element('small', {}, place === '' ? '' : ` ${place}`)),
  );
}
