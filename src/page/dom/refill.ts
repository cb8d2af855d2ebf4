import { type Content, fill } from './elements.ts';

/** Attribute that names an element across the contents that replace each other. */
const keyAttribute = 'data-key';

/**
 * Replaces the content of an element, and keeps what the user did there: the focus, open details and scrolled frames. They
 * are found again by their attribute `data-key`. A content in which the user selects a text stays.
 */
export function refill(target: Element, ...content: readonly Content[]): void {
  if (hasSelection(target)) return;
  const active = document.activeElement;
  const focused = active !== null && target.contains(active) ? active.getAttribute(keyAttribute) : null;
  const open = new Map(keyed<HTMLDetailsElement>(target, 'details').map((each) => [keyOf(each), each.open]));
  const places = new Map(
    keyed<HTMLElement>(target, '.canvas, .scroll').map((each) => [keyOf(each), [each.scrollLeft, each.scrollTop]]),
  );
  fill(target, ...content);
  for (const each of keyed<HTMLDetailsElement>(target, 'details')) each.open = open.get(keyOf(each)) ?? each.open;
  for (const each of keyed<HTMLElement>(target, '.canvas, .scroll')) {
    const [left = 0, top = 0] = places.get(keyOf(each)) ?? [];
    each.scrollTo(left, top);
  }
  if (focused === null) return;
  const again = keyed<HTMLElement>(target, '*').find((each) => keyOf(each) === focused);
  again?.focus({ preventScroll: true });
}

function keyed<T extends Element>(target: Element, selector: string): T[] {
  return [...target.querySelectorAll<T>(selector)].filter((each) => each.hasAttribute(keyAttribute));
}

function keyOf(target: Element): string {
  return target.getAttribute(keyAttribute) ?? '';
}

function hasSelection(target: Element): boolean {
  const selection = document.getSelection();
  return selection !== null && !selection.isCollapsed && target.contains(selection.anchorNode);
}
