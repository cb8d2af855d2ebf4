import { formatPath } from '../../plan/format.ts';
import { parsePath } from '../../plan/parse.ts';
import { button, element, fill } from '../dom/elements.ts';
import { examples } from '../model/examples.ts';
import { KnownServices } from '../model/known-services.ts';
import type { PageData } from '../model/page-data.ts';
import type { Run, RunResult } from '../model/run.ts';
import { comparison } from '../view/comparison.ts';
import { type Builder, createBuilder } from './builder.ts';
import { keepRun, keptRun, nextRunNumber } from './kept-run.ts';
import { createLive } from './live.ts';
import { resultView } from './result-view.ts';
import { createRunHistory } from './run-history.ts';
import { runAsPage, urlOf } from './run-plan.ts';
import { type UrlLine, urlLine } from './url-line.ts';

/** Starts the page: shows the reply that came with it, and runs what the user types or builds. */
export function startPage(app: HTMLElement, data: PageData): void {
  new Page(data).start(app);
}

/** The page of one service. */
class Page {
  private readonly data: PageData;
  private readonly known: KnownServices;
  private readonly results = element('div', { id: 'results' });
  private readonly builder: Builder;
  private readonly runs = createRunHistory({
    onShow: (run) => this.showRun(run),
    onCompare: (before, after) => fill(this.results, comparison(before, after)),
  });
  private readonly live = createLive({
    path: () => this.validPath(),
    onEnd: (path, result) => void this.addRun(path, result),
  });
  private readonly line: UrlLine = urlLine(
    typedPath(),
    { onChange: () => this.showPlan(), onRun: () => void this.run() },
    this.live.toggle,
  );
  private running: AbortController | undefined;
  private made = 0;

  constructor(data: PageData) {
    this.data = data;
    this.known = new KnownServices(data.services);
    this.known.learn(data.reply);
    const { service } = data.reply;
    this.builder = createBuilder({
      service,
      services: () => this.known.without(service),
      onChange: (path) => this.line.setText(path),
    });
  }

  start(app: HTMLElement): void {
    const { data, line, live, runs, results } = this;
    const isStart = location.pathname === '/' && data.reply.error === undefined;
    fill(
      app,
      header(data),
      element('main', {}, line.element, live.element, this.builderPanel(isStart), runs.element, results),
    );
    this.showPlan();
    if (isStart) fill(results, introduction(data));
    else keepRun(this.addRun(line.text, { kind: 'reply', reply: data.reply }));
    addEventListener('popstate', () => this.showKept());
  }

  /** Shows what an entry in the history of the browser has kept, and runs nothing. */
  private showKept(): void {
    this.line.setText(typedPath());
    this.showPlan();
    const run = keptRun();
    if (run !== undefined) this.runs.showKept(run);
    else fill(this.results, location.pathname === '/' ? introduction(this.data) : notKept());
  }

  private builderPanel(isOpen: boolean): HTMLElement {
    const press = (path: string): void => {
      this.line.setText(path);
      this.showPlan();
      void this.run();
    };
    const panel = element(
      'details',
      { class: 'panel', id: 'builder' },
      element('summary', {}, 'Build a plan'),
      exampleButtons(this.known.without(this.data.reply.service), press),
      this.builder.element,
    );
    panel.open = isOpen;
    return panel;
  }

  /** Returns the text of the line, if it is a plan. */
  private validPath(): string | undefined {
    return this.line.plan === undefined ? undefined : this.line.text;
  }

  private showPlan(): void {
    if (this.line.plan !== undefined) this.builder.show(this.line.plan);
  }

  /** Runs the plan of the line, or cancels the run that is on its way. */
  private async run(): Promise<void> {
    const { line } = this;
    if (this.running !== undefined) {
      this.running.abort();
      return;
    }
    if (line.plan === undefined) return;
    this.live.stop('Stopped by a run.');
    const path = line.text;
    this.running = new AbortController();
    line.setRunning(true);
    const result = await runAsPage(path, acceptOf(this.data), this.running.signal);
    this.running = undefined;
    line.setRunning(false);
    const run = this.addRun(path, result);
    // The address bar has some characters encoded.
    keepRun(run, location.href === new URL(urlOf(path)).href ? undefined : urlOf(path));
    this.results.scrollIntoView({ block: 'nearest' });
  }

  private addRun(path: string, result: RunResult): Run {
    const number = nextRunNumber(this.made);
    this.made = number;
    const at = new Date().toTimeString().slice(0, 8);
    const run = { id: `${performance.timeOrigin} ${number}`, number, path, at, result };
    if (result.kind === 'reply') this.known.learn(result.reply);
    this.runs.add(run);
    this.showRun(run);
    return run;
  }

  private showRun(run: Run): void {
    document.title = `${run.path} · ${this.data.reply.service} · meshmock`;
    fill(this.results, resultView(run, this.data));
  }
}

/** Returns the value with which this browser asks for pages: that of the request of this page. */
function acceptOf({ reply }: PageData): string {
  return reply.request?.headers?.accept ?? 'text/html';
}

function notKept(): HTMLElement {
  return element('p', { class: 'panel' }, 'The answer of this run was not kept. Press Run to send the plan again.');
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
