import { button, element, fill } from '../dom/elements.ts';
import { callRows } from '../model/call-rows.ts';
import { LiveRecord } from '../model/live-series.ts';
import type { RunResult } from '../model/run.ts';
import { liveChart } from '../view/live-chart.ts';
import { runPlan } from './run-plan.ts';

/** Time from the start of a run to that of the next one, in milliseconds. */
const intervalMs = 1000;

/** Number of runs after which live mode stops: two minutes. */
const mostRuns = 120;

/** Live mode: repeats a plan each second, and draws what changes. */
export interface Live {
  /** Button that begins and ends live mode. */
  readonly toggle: HTMLElement;
  /** State of live mode in words, and the drawing. */
  readonly element: HTMLElement;
  /** Ends live mode, with a reason that the user reads. Does nothing if it is off. */
  stop(reason: string): void;
}

/** Surroundings of live mode. */
export interface LiveActions {
  /** Path to repeat, or undefined if there is no valid plan. */
  path(): string | undefined;
  /** Live mode has ended: the last result. */
  onEnd(path: string, result: RunResult): void;
}

/** Makes live mode. It stops when the tab is hidden, at its limit, and when the user wants it. */
export function createLive({ path, onEnd }: LiveActions): Live {
  let session: LiveSession | undefined;
  const chart = element('div', { class: 'panel', hidden: '' });
  const status = element('span', { role: 'status', class: 'faint' });
  const toggle = button('Live', () => (session === undefined ? begin() : stop('Stopped.')), {
    'aria-pressed': 'false',
    title: 'Run once a second, and draw status, version and time',
    id: 'live',
  });
  const begin = (): void => {
    const started = path();
    if (started === undefined) return;
    session = new LiveSession(started, draw, stop);
    chart.hidden = false;
    toggle.setAttribute('aria-pressed', 'true');
    fill(status, 'Runs once a second, for two minutes at most, while this tab is visible.');
    void session.repeat();
  };
  const draw = (record: LiveRecord): void => fill(chart, element('h2', {}, 'Live'), liveChart(record.series));
  const stop = (reason: string): void => {
    if (session === undefined) return;
    const { last, path: repeated, runs } = session;
    session.end();
    session = undefined;
    toggle.setAttribute('aria-pressed', 'false');
    fill(status, `${reason} ${runs} runs.`);
    if (last !== undefined) onEnd(repeated, last);
  };
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) stop('Stopped, because the tab was hidden.');
  });
  return { toggle, element: element('div', { class: 'live-panel' }, status, chart), stop };
}

/** One use of live mode. */
class LiveSession {
  readonly path: string;
  runs = 0;
  last: RunResult | undefined;
  private readonly record = new LiveRecord();
  private readonly ended = new AbortController();
  private readonly draw: (record: LiveRecord) => void;
  private readonly stop: (reason: string) => void;

  constructor(path: string, draw: (record: LiveRecord) => void, stop: (reason: string) => void) {
    this.path = path;
    this.draw = draw;
    this.stop = stop;
  }

  /** Runs the plan until the end. The next run waits for the one before. */
  async repeat(): Promise<void> {
    const { signal } = this.ended;
    while (!signal.aborted) {
      const startedAt = performance.now();
      const result = await runPlan(this.path, signal);
      if (signal.aborted) return;
      this.last = result;
      this.runs++;
      this.record.add(result.kind === 'reply' ? callRows(result.reply) : undefined);
      this.draw(this.record);
      if (this.runs >= mostRuns) this.stop('Stopped at its limit.');
      else await wait(Math.max(0, intervalMs - (performance.now() - startedAt)), signal);
    }
  }

  end(): void {
    this.ended.abort();
  }
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
