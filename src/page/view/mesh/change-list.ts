import { button, type Content, element } from '../../dom/elements.ts';
import { type ChangeEffect, comparedMs, isSlower, leastShare, noDifference } from '../../model/change-effects.ts';
import type { ChangedObject, MeshChange, MeshState } from '../../model/mesh-page-data.ts';
import { ago, changeTitle, edgeTitle, processKind, statusText, timeOfDay } from '../../model/mesh-words.ts';
import { place } from './edge-panel.ts';
import { scrolledTable } from './scrolled-table.ts';

/** Context of a list of changes. */
export interface ChangeListContext {
  effectsOf(change: MeshChange): readonly ChangeEffect[];
  onEdge(id: string): void;
}

/** Returns the changes of the mesh, the newest first and open: what was applied when, and what has changed since then. */
export function changeList(state: MeshState, context: ChangeListContext): HTMLElement {
  if (state.changes.length === 0) return element('p', { class: 'faint' }, 'Nothing was applied yet.');
  const items = state.changes.map((change, index) => {
    const key = `change ${change.number}`;
    const objects = change.objects.filter(({ kind }) => kind !== processKind);
    const made = element(
      'details',
      { class: 'change', 'data-key': key },
      element(
        'summary',
        {},
        element('time', {}, timeOfDay(change.atMs)),
        ' ',
        element('strong', { class: 'foreign' }, changeTitle(change)),
        element('small', {}, ` ${ago(state.atMs - change.atMs)}`),
      ),
      change.reason === undefined ? undefined : element('pre', { class: 'foreign bad', tabindex: 0 }, change.reason),
      ...objects.flatMap(purpose),
      ...(change.by === 'start' || change.by === 'refused' ? [] : effects(change, state, context)),
      ...objects.map((object) => objectDiff(object, key)),
    );
    made.open = index === 0 && change.by !== 'start';
    return element('li', {}, made);
  });
  return element('ol', { class: 'changes' }, ...items);
}

/** Returns the changes that contain one of some objects, or since which an edge differs. */
export function edgeChanges(
  { changes }: MeshState,
  edge: string,
  objects: ReadonlySet<string>,
  effectsOf: ChangeListContext['effectsOf'],
): HTMLElement | undefined {
  const items = changes.flatMap((change) => {
    const effect = effectsOf(change).find((one) => one.edge === edge);
    const differences = effect?.differences.join('; ') ?? '';
    if (change.by === 'start' || (differences === '' && !change.objects.some(({ id }) => objects.has(id)))) return [];
    const text = `${changeTitle(change)}${differences === '' ? '' : `: ${differences}`}`;
    return [element('li', { class: 'foreign' }, element('time', {}, timeOfDay(change.atMs)), ` ${text}`)];
  });
  return items.length === 0
    ? undefined
    : element('div', {}, element('h3', {}, 'Last changes'), element('ul', { class: 'runs' }, ...items));
}

/** Returns what an object is for, and what its rules do. */
function purpose(object: ChangedObject): HTMLElement[] {
  const rules = object.rules?.map(({ text, where }) => element('li', {}, text, place(where))) ?? [];
  const head = element('p', { class: 'foreign' }, object.about, place(object.where));
  return rules.length === 0 ? [head] : [head, element('ul', { class: 'parts foreign' }, ...rules)];
}

function objectDiff({ id, kind, namespace, name, change, diff }: ChangedObject, key: string): HTMLElement {
  const lines = diff.map((line) => element('span', { class: lineClass(line) }, `${line}\n`));
  return element(
    'details',
    { 'data-key': `${key} ${id}` },
    element('summary', { class: 'foreign' }, `YAML of ${kind} ${namespace}/${name} (${change})`),
    element('pre', { class: 'foreign yaml', tabindex: 0 }, ...lines),
  );
}

function lineClass(line: string): string | undefined {
  if (line.startsWith('+')) return 'added';
  return line.startsWith('-') ? 'removed' : undefined;
}

function effects(change: MeshChange, state: MeshState, context: ChangeListContext): Content[] {
  const found = context.effectsOf(change);
  const changed = found.filter(({ differences }) => differences.length > 0);
  const { limits = '' } = change;
  const certain = `No difference is certain${state.atMs < change.atMs + comparedMs ? ' yet' : ''}`;
  if (changed.length === 0)
    return [element('p', { class: 'faint foreign' }, `${noDifference(found, certain)} ${limits}`)];
  const others = found.filter(({ around, differences }) => differences.length === 0 && around.after.requests > 0);
  const namesOf = (some: readonly ChangeEffect[]): string => some.map(({ edge }) => edgeTitle(state, edge)).join(', ');
  const [same, few] = [others.filter(({ isTooFew }) => !isTooFew), others.filter(({ isTooFew }) => isTooFew)];
  return [
    effectTable(changed, state, context),
    same.length === 0 ? undefined : element('p', { class: 'faint foreign' }, `${certain}: ${namesOf(same)}. ${limits}`),
    few.length === 0 ? undefined : element('p', { class: 'faint foreign' }, `Too few calls yet: ${namesOf(few)}.`),
  ];
}

function effectTable(changed: readonly ChangeEffect[], state: MeshState, { onEdge }: ChangeListContext): HTMLElement {
  const rows = changed.map((effect) => {
    const { edge, around, differences, causes, isInherited } = effect;
    const { passedOn = 0, errors, requests } = around.after;
    const callee = `${edge.split(' ')[1]} `;
    const further = changed.filter((one) => one.edge.startsWith(callee)).map((one) => edgeTitle(state, one.edge));
    const because = `because ${further.join(', ') || 'a call further on'} ${consequenceWords(effect)}.`;
    const consequence = isInherited
      ? `Only ${because}`
      : passedOn > leastShare * requests && passedOn < errors && further.length > 0
        ? `${passedOn} of these failed only ${because}`
        : '';
    return [
      button(edgeTitle(state, edge), () => onEdge(edge), {
        class: 'foreign',
        'data-key': `effect ${around.change} ${edge}`,
      }),
      statusText(around.before),
      statusText(around.after),
      element(
        'div',
        {},
        element('strong', {}, differences.join('; ')),
        ...causes.map(causeText),
        consequence === '' ? undefined : element('p', { class: 'cause' }, consequence),
      ),
    ];
  });
  const head = ['calls', 'before', 'since then', 'what changed, and why'];
  return scrolledTable('traffic before and after the change', head, rows, 'changed');
}

function consequenceWords(effect: ChangeEffect): string {
  if (effect.isBetter) return 'no longer fails';
  return isSlower(effect) ? 'is slower' : 'fails';
}

function causeText({ explanation, object, isOfChange }: ChangeEffect['causes'][number]): HTMLElement {
  const isNamed = object === undefined || explanation.includes(object);
  const decided = isNamed ? '' : ` Decided by ${object}.`;
  return element('p', { class: 'cause' }, `${explanation}${decided}${isOfChange ? ' This change contains it.' : ''}`);
}
