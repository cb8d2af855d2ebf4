import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Crd } from './api/kinds.ts';

/** Reads the CustomResourceDefinitions of Istio and of the Gateway API from the files of Istio's sources. */
export async function readCrds(folder: string): Promise<Crd[]> {
  const files = ['istio-crds.yaml', 'gateway-api-crds.yaml'].map((name) => readFile(path.join(folder, name), 'utf8'));
  const documents = (await Promise.all(files)).flatMap((text) => parseAllDocuments(text));
  const objects = documents.map((document) => document.toJS() as Crd | null);
  return objects.filter((object) => object?.kind === 'CustomResourceDefinition').filter((object) => object !== null);
}
