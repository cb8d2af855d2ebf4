import { button, element, fill } from '../dom/elements.ts';
import { outcomeOfRun, type Run } from '../model/run.ts';

/** Number of runs that the page keeps. */
const mostRuns = 50;

/** The runs of this session. */
export interface RunHistory {
  readonly element: HTMLElement;
  /** Adds a run, and marks it as the one that is shown. */
  add(run: Run): void;
  /** Shows a run again, which may be one of an earlier load of the page. */
  showKept(run: Run): void;
}

export interface RunHistoryActions {
  onShow(run: Run): void;
  /** The user wants to compare an older run with the one that is shown. */
  onCompare(before: Run, after: Run): void;
}

/** Makes the list of runs. Each can be shown again, and compared with the one that is shown. */
export function createRunHistory({ onShow, onCompare }: RunHistoryActions): RunHistory {
  const runs: Run[] = [];
  let shown: Run | undefined;
  const list = element('ol', { class: 'runs' });
  const made = element('details', { class: 'panel', hidden: '' }, element('summary', {}, 'Runs'), list);
  const show = (run: Run): void => {
    shown = run;
    draw();
    onShow(run);
  };
  const draw = (): void => {
    made.hidden = runs.length < 2;
    const items = runs.toReversed().map((run) => {
      const isShown = run === shown;
      const label = `${run.number}. ${outcomeOfRun(run)} ${run.path}`;
      const select = button(label, () => show(run), { 'aria-pressed': String(isShown), class: 'run foreign' });
      if (isShown) return element('li', {}, select, element('small', {}, ` ${run.at}, shown`));
      const compare = button('compare', () => comparePair(run), {
        'aria-label': `compare run ${run.number} with the one that is shown`,
      });
      return element('li', {}, select, ' ', compare, element('small', {}, ` ${run.at}`));
    });
    fill(list, ...items);
  };
  const comparePair = (run: Run): void => {
    if (shown === undefined) return;
    const [before, after] = [run, shown].sort((a, b) => a.number - b.number) as [Run, Run];
    onCompare(before, after);
  };
  return {
    element: made,
    add(run) {
      runs.push(run);
      if (runs.length > mostRuns) runs.shift();
      shown = run;
      if (runs.length === 2) made.open = true;
      draw();
    },
    showKept(run) {
      const found = runs.find(({ id }) => id === run.id);
      if (found === undefined) runs.push(run);
      runs.sort((one, other) => one.number - other.number);
      show(found ?? run);
    },
  };
}
