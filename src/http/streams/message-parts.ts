/** Least size of the parts in which a long answer is sent, in bytes. */
const leastGroupBytes = 64 * 1024;

/** Groups the parts of a text until each group has a least size, so that a reader gets few parts. */
export function inGroups(parts: readonly Buffer[]): Buffer[][] {
  const groups: Buffer[][] = [];
  let bytes = leastGroupBytes;
  for (const part of parts) {
    if (bytes >= leastGroupBytes) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(part);
    bytes += part.length;
  }
  return groups;
}
