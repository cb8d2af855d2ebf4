import { dataElementId, type PageData } from '../model/page-data.ts';
import { startPage } from './page.ts';

/** Leaves out fields that are null: JSON has this for a number such as 1e999, which another program may have sent. */
const withoutNull = (_name: string, value: unknown): unknown => value ?? undefined;

const text = document.getElementById(dataElementId)?.textContent;
const app = document.getElementById('app');
if (text != null && app !== null) {
  startPage(app, JSON.parse(text, withoutNull) as PageData);
  // The tests read how long it took.
  performance.mark('page-shown');
}
