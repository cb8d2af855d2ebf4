import { dataElementId, type PageData } from '../model/page-data.ts';
import { startPage } from './page.ts';

const text = document.getElementById(dataElementId)?.textContent;
const app = document.getElementById('app');
if (text != null && app !== null) {
  startPage(app, JSON.parse(text) as PageData);
  // The tests read how long it took.
  performance.mark('page-shown');
}
