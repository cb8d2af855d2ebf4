import { formatPath } from '../../plan/format.ts';
import { defaultPorts, type Plan } from '../../plan/plan.ts';
import { button, element, fill } from '../dom/elements.ts';
import { type CallDraft, emptyWork, planOf, type ServiceWork, workOf } from '../model/plan-tree.ts';
import { type BuilderContext, ServiceName, servicesListId } from './builder-context.ts';
import { textField } from './builder-fields.ts';
import { callFields } from './call-fields.ts';
import { faultFields } from './fault-fields.ts';

/** The builder: calls as fields and buttons instead of text. */
export interface Builder {
  readonly element: HTMLElement;
  /** Shows a plan that was typed. */
  show(plan: Plan): void;
}

/** Surroundings of the builder. */
export interface BuilderActions {
  /** Name of the service that carries out the plan. */
  readonly service: string;
  /** Services that new calls are made to, the most likely first. */
  services(): readonly string[];
  /** The plan has changed. */
  onChange(path: string): void;
}

/** Makes the builder. Each change makes a new path, so the URL grows along. */
export function createBuilder({ service, services, onChange }: BuilderActions): Builder {
  const made = element('div', { class: 'builder' });
  let work: ServiceWork = emptyWork('/hello');
  let targets = new WeakMap<object, HTMLElement>();
  const context: BuilderContext = {
    services,
    changed: () => onChange(formatPath(planOf(work))),
    rebuilt(focus) {
      draw();
      context.changed();
      if (focus !== undefined) targets.get(focus)?.focus();
    },
    focusable: (key, target) => void targets.set(key, target),
  };
  const draw = (): void => {
    targets = new WeakMap();
    const options = services().map((name) => element('option', { value: name }));
    fill(
      made,
      element('datalist', { id: servicesListId }, ...options),
      workFields(new ServiceName(service), work, context),
    );
  };
  draw();
  return {
    element: made,
    show(plan) {
      const shown = workOf(plan);
      if (shown === undefined) {
        fill(made, element('p', {}, 'This plan has more calls than the builder shows. Edit it as text.'));
        return;
      }
      work = shown;
      draw();
    },
  };
}

/** Returns the fields of what a service does: its faults, its calls by stage, or its path. */
function workFields(name: ServiceName, work: ServiceWork, context: BuilderContext): HTMLElement {
  const stages = work.stages.map((stage, index) => stageFields(name, work, stage, index, context));
  const isLeaf = stages.length === 0;
  const add = button(
    '',
    () => {
      const call = newCall(context, work.uri);
      work.stages.push([call]);
      context.rebuilt(call);
    },
    { class: 'add' },
  );
  const made = element(
    'div',
    { class: isLeaf ? 'work leaf' : 'work', role: 'group' },
    faultFields(name, work, context),
    ...stages,
    isLeaf ? pathField(name, work, context) : undefined,
    add,
  );
  name.show((text) => {
    made.setAttribute('aria-label', `work of ${text}`);
    add.textContent = isLeaf ? `+ ${text} calls a service` : `+ then ${text} calls`;
  });
  return made;
}

function pathField(name: ServiceName, work: ServiceWork, context: BuilderContext): HTMLElement {
  const field = textField(work.uri, (uri) => {
    work.uri = uri.startsWith('/') ? uri : `/${uri}`;
    context.changed();
  });
  const label = element('span', {});
  name.show((text) => fill(label, `${text} answers`));
  return element('label', { class: 'field' }, label, field);
}

function stageFields(
  name: ServiceName,
  work: ServiceWork,
  stage: CallDraft[],
  index: number,
  context: BuilderContext,
): HTMLElement {
  const remove = (call: CallDraft): void => {
    stage.splice(stage.indexOf(call), 1);
    if (stage.length === 0) work.stages.splice(index, 1);
    const [next] = stage.length === 0 ? (work.stages.at(-1) ?? []) : stage;
    context.rebuilt(next ?? work);
  };
  const atOnce = (): void => {
    const call = newCall(context, stage[0]?.work.uri ?? '/hello');
    stage.push(call);
    context.rebuilt(call);
  };
  const legend = element('legend', {});
  name.show((text) => fill(legend, `${index === 0 ? '' : 'then '}${text} calls${stage.length > 1 ? ', at once' : ''}`));
  return element(
    'fieldset',
    { class: 'stage-fields' },
    legend,
    ...stage.map((call) => callPart(call, () => remove(call), context)),
    button('+ at once', atOnce, { class: 'add' }),
  );
}

function callPart(call: CallDraft, remove: () => void, context: BuilderContext): HTMLElement {
  const name = new ServiceName(call.host);
  // A call over TCP carries a text, and no calls.
  const below = call.scheme === 'tcp' ? undefined : workFields(name, call.work, context);
  return element('div', { class: 'call' }, callFields(call, name, remove, context), below);
}

/** Makes a call to the service that is offered next. */
function newCall({ services }: BuilderContext, uri: string): CallDraft {
  const [host = 'service1'] = services();
  return {
    scheme: 'http',
    host,
    port: defaultPorts.http,
    times: 1,
    headers: [],
    options: {},
    work: emptyWork(uri === '/' ? '/hello' : uri),
  };
}
