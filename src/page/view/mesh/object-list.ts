import { button, element } from '../../dom/elements.ts';
import type { MeshObject } from '../../model/mesh-page-data.ts';
import { timeOfDay } from '../../model/mesh-words.ts';
import { place } from './edge-panel.ts';
import { scrolledTable } from './scrolled-table.ts';

/** Returns all objects of configuration as a table. */
export function objectList(objects: readonly MeshObject[], onObject: (id: string) => void): HTMLElement {
  const rows = objects.map(({ id, kind, namespace, name, about, changedMs, where }) => [
    button(`${kind} ${name}`, () => onObject(id), { class: 'foreign', 'data-key': `object ${id}` }),
    namespace,
    about,
    timeOfDay(changedMs),
    place(where) ?? '',
  ]);
  return element(
    'details',
    { class: 'panel', 'data-key': 'objects' },
    element(
      'summary',
      {},
      `All configuration of the mesh (${objects.length} ${objects.length === 1 ? 'object' : 'objects'})`,
    ),
    scrolledTable('objects', ['object', 'namespace', 'what it does', 'changed', 'file'], rows),
  );
}
