import type { MeshPageData } from '../../model/mesh-page-data.ts';
import { dataElementId } from '../../model/page-data.ts';
import { startMeshPage } from './mesh-page.ts';

const text = document.getElementById(dataElementId)?.textContent;
const app = document.getElementById('app');
if (text != null && app !== null) {
  startMeshPage(app, JSON.parse(text) as MeshPageData);
  // The tests read how long it took.
  performance.mark('page-shown');
}
