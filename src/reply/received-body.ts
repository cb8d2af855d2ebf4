import { JsonScanner, type JsonSize } from './json-scanner.ts';
import { longPartBytes } from './long-parts.ts';

/** Size from which a chunk is kept as it arrived, in bytes. Shorter ones are joined: each object has a cost of its own. */
const longChunkBytes = 16 * 1024;

const scanners: JsonScanner[] = [];

/** Body of an answer while it arrives, and a check that it is JSON. */
export class ReceivedBody {
  bytes = 0;
  private chunks: Buffer[] = [];
  /** Bytes of the last chunk that are used, if it is one in which short ones are joined. */
  private tailBytes = 0;
  private scanner: JsonScanner | undefined;
  private isJson = true;

  /** Begins to check whether the body is a JSON object. */
  scan(): void {
    this.scanner = scanners.pop() ?? new JsonScanner();
    this.scanner.reset();
  }

  add(chunk: Buffer): void {
    this.bytes += chunk.length;
    if (this.scanner !== undefined && this.isJson) this.isJson = this.scanner.add(chunk);
    if (this.bytes === chunk.length || chunk.length >= longChunkBytes) this.addLong(chunk);
    else this.addShort(chunk);
  }

  private addLong(chunk: Buffer): void {
    this.trimTail();
    this.chunks.push(chunk);
  }

  private addShort(chunk: Buffer): void {
    const last = this.chunks.at(-1);
    if (this.tailBytes === 0 || last === undefined || this.tailBytes + chunk.length > last.length) {
      this.trimTail();
      this.chunks.push(Buffer.allocUnsafeSlow(2 * longChunkBytes));
      this.tailBytes = 0;
    }
    this.chunks.at(-1)?.set(chunk, this.tailBytes);
    this.tailBytes += chunk.length;
  }

  private trimTail(): void {
    const tail = this.tailBytes === 0 ? undefined : this.chunks.pop();
    if (tail !== undefined) this.chunks.push(tail.subarray(0, this.tailBytes));
    this.tailBytes = 0;
  }

  /** Returns the body in one piece. */
  whole(): Buffer {
    this.trimTail();
    const [first, ...more] = this.chunks;
    return first !== undefined && more.length === 0 ? first : Buffer.concat(this.chunks);
  }

  /** Returns the body: a long one as it arrived. */
  content(): string | readonly Buffer[] {
    if (this.bytes < longPartBytes) return this.whole().toString();
    this.trimTail();
    return this.chunks;
  }

  /** Returns the first bytes of the body as text. */
  start(): string {
    // Short chunks are joined, so the first two have enough bytes.
    let start = '';
    for (const chunk of this.chunks.slice(0, 2)) start += chunk.toString('latin1', 0, startBytes);
    return start;
  }

  /** Ends the check, and returns the size of the JSON, or undefined if the body is not a JSON object. */
  endScan(): JsonSize | undefined {
    const { scanner } = this;
    if (scanner === undefined) return undefined;
    this.scanner = undefined;
    scanners.push(scanner);
    return this.isJson ? scanner.size() : undefined;
  }

  /** Forgets the body. */
  drop(): void {
    this.endScan();
    this.chunks = [];
    this.tailBytes = 0;
  }
}

const startBytes = 64;
