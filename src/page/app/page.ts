import { formatPath } from '../../plan/format.ts';
import { parsePath } from '../../plan/parse.ts';
import { button, element, fill } from '../dom/elements.ts';
import { examples } from '../model/examples.ts';
import { KnownServices } from '../model/known-services.ts';
import type { PageData } from '../model/page-data.ts';
import type { Run, RunResult } from '../model/run.ts';
import { createBuilder } from './builder.ts';
import { resultView } from './result-view.ts';
import { runPlan, urlOf } from './run-plan.ts';
import { urlLine } from './url-line.ts';

/** Starts the page: shows the reply that came with it, and runs what the user types or builds. */
export function startPage(app: HTMLElement, data: PageData): void {
  const { service } = data.reply;
  const known = new KnownServices(data.services);
  known.learn(data.reply);
  const runs: Run[] = [];
  const results = element('div', { id: 'results', 'aria-live': 'polite' });
  let running: AbortController | undefined;
  const show = (path: string, result: RunResult): void => {
    const made = { number: runs.length + 1, path, at: new Date().toTimeString().slice(0, 8), result };
    runs.push(made);
    if (result.kind === 'reply') known.learn(result.reply);
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
  const showPlan = (): void => {
    if (line.plan !== undefined) builder.show(line.plan);
  };
  const line = urlLine(typedPath(), { onChange: showPlan, onRun: () => void run() });
  const builder = createBuilder({
    service,
    services: () => known.without(service),
    onChange: (path) => line.setText(path),
  });
  const press = (path: string): void => {
    line.setText(path);
    showPlan();
    void run();
  };
  const isStart = location.pathname === '/' && data.reply.error === undefined;
  const builderPanel = element(
    'details',
    { class: 'panel', id: 'builder' },
    element('summary', {}, 'Build a plan'),
    exampleButtons(known.without(service), press),
    builder.element,
  );
  builderPanel.open = isStart;
  fill(app, header(data), element('main', {}, line.element, builderPanel, results));
  showPlan();
  if (isStart) fill(results, introduction(data));
  else show(line.text, { kind: 'reply', reply: data.reply });
}

function exampleButtons(services: readonly string[], press: (path: string) => void): HTMLElement {
  const buttons = examples(services).map(({ label, path, about }) =>
    button(label, () => press(path), { title: about }),
  );
  return element(
    'div',
    { class: 'examples', role: 'group', 'aria-label': 'examples' },
    element('span', {}, 'Examples to run:'),
    ...buttons,
  );
}

function introduction({ reply }: PageData): HTMLElement {
  return element(
    'section',
    { class: 'panel' },
    element(
      'p',
      {},
      `This is ${reply.service} ${reply.version ?? ''}, a mock service. A URL says which services it calls, and how. The answer shows each call, how long it took, and what the mesh did to it.`,
    ),
    element(
      'p',
      {},
      'Press an example, build a plan above, or type one. Run sends it to this service; the URL can be shared.',
    ),
  );
}

/**
 * Returns the path of the address bar as it was typed. Browsers encode `|` and `<`, and show them encoded. They are decoded
 * where the plan stays the same.
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
