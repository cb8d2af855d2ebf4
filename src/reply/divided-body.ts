import { PartedText } from './long-parts.ts';

/** Body of an answer in any of its forms. */
export type Body = string | Buffer | PartedText;

/** Divides a body into parts of about the same size. None is empty. */
export function* dividedBody(body: Body, count: number): Generator<Buffer[]> {
  const buffers = buffersOf(body);
  const total = buffers.reduce((sum, { length }) => sum + length, 0);
  let index = 0;
  let from = 0;
  let sent = 0;
  for (let part = 1; part <= count; part++) {
    const end = Math.floor((total * part) / count);
    const slices: Buffer[] = [];
    while (sent < end) {
      const buffer = buffers[index] ?? Buffer.alloc(0);
      const slice = buffer.subarray(from, from + end - sent);
      slices.push(slice);
      sent += slice.length;
      from += slice.length;
      if (from === buffer.length) {
        index++;
        from = 0;
      }
    }
    if (slices.length > 0) yield slices;
  }
}

/** Returns the bytes of a body. */
export function buffersOf(body: Body): readonly Buffer[] {
  if (body instanceof PartedText) return body.parts;
  return [typeof body === 'string' ? Buffer.from(body) : body];
}
