import type { TreeRow } from '../../render/tree-rows.ts';
import type { PageData } from '../model/page-data.ts';
import { pageFiles } from './page-files.ts';
import { planPage } from './plan-page.ts';
import type { SentPage } from './sent-page.ts';

/** Reads the files of the page, and returns the function that makes pages with them. */
export async function loadPlanPage(): Promise<(data: PageData, rows: readonly TreeRow[]) => SentPage> {
  const files = await pageFiles();
  return (data, rows) => planPage(data, rows, files);
}
