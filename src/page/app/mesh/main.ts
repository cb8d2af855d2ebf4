import { element, fill } from '../../dom/elements.ts';
import type { MeshPageData } from '../../model/mesh-page-data.ts';
import { dataElementId } from '../../model/page-data.ts';

const text = document.getElementById(dataElementId)?.textContent;
const app = document.getElementById('app');
if (text != null && app !== null) {
  const { state } = JSON.parse(text) as MeshPageData;
  fill(app, element('h1', {}, `Local mesh ${state.mesh}`));
}
