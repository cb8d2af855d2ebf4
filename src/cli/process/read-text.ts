import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { MeshmockError } from '../../error/meshmock-error.ts';

/** Maximum size of a file in megabytes, so that a device without an end cannot fill the memory. */
const maxFileMB = 64;

const chunkBytes = 64 * 1024;
const pollMs = 10;

/**
 * Reads the text of a file, a pipe or a device. A pipe may be the process substitution of a shell.
 *
 * @throws MeshmockError `usage` if it cannot be read, is larger than 64 MB, or is a pipe to which no process writes
 * @example
 * readText('mesh.yaml');
 */
export function readText(file: string): string {
  const opened = openFile(file);
  try {
    const text = readAll(opened, file);
    if (text === '' && fstatSync(opened).isFIFO())
      throw new MeshmockError('usage', `${file}: this is a pipe, and no process writes to it`);
    return text;
  } finally {
    closeSync(opened);
  }
}

/** Reads the text on standard input. @throws MeshmockError `usage` if it is larger than 64 MB */
export function readStandardInput(): string {
  return readAll(0, 'standard input');
}

function openFile(file: string): number {
  try {
    // A pipe without a writer would block this process.
    return openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw unreadable(file, error);
  }
}

function readAll(opened: number, name: string): string {
  const chunks: Buffer[] = [];
  let size = 0;
  for (;;) {
    const chunk = readChunk(opened, name);
    if (chunk.length === 0) return Buffer.concat(chunks).toString();
    chunks.push(chunk);
    size += chunk.length;
    if (size > maxFileMB * 1_000_000) throw new MeshmockError('usage', `${name}: this is larger than ${maxFileMB} MB`);
  }
}

/** Reads the next bytes, and waits for a writer that is not as fast. Returns no bytes at the end. */
function readChunk(opened: number, name: string): Buffer {
  const buffer = Buffer.allocUnsafe(chunkBytes);
  for (;;) {
    try {
      return buffer.subarray(0, readSync(opened, buffer));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EOF') return buffer.subarray(0, 0);
      if (code !== 'EAGAIN') throw unreadable(name, error);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pollMs);
    }
  }
}

function unreadable(name: string, error: unknown): MeshmockError {
  return new MeshmockError('usage', `${name}: ${(error as Error).message}`);
}
