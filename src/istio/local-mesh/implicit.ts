import type { KubeObject } from '../resources/objects.ts';

const implicitAnnotation = 'meshmock.dev/made';

/** Marks an object as implicit: no manifest contains it, and an applied object of the same name replaces it. */
export function markImplicit(object: KubeObject): KubeObject {
  const annotations = { ...object.metadata.annotations, [implicitAnnotation]: 'true' };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

/** Reports whether an object comes from a manifest. */
export function isApplied({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[implicitAnnotation] === undefined;
}
