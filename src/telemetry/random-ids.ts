import { randomFillSync } from 'node:crypto';
import type { IdGenerator } from '@opentelemetry/sdk-trace';

const traceIdBytes = 16;
const spanIdBytes = 8;

/**
 * Generator of random ids. Many ids share one call for random bytes, but each is a text of its own: a part of a long text
 * would keep all of it in memory while the span waits for its export.
 */
export class RandomIds implements IdGenerator {
  private readonly bytes = Buffer.alloc(4096);
  private at = this.bytes.length;

  generateTraceId(): string {
    return this.next(traceIdBytes);
  }

  generateSpanId(): string {
    return this.next(spanIdBytes);
  }

  private next(count: number): string {
    if (this.at + count > this.bytes.length) {
      randomFillSync(this.bytes);
      this.at = 0;
    }
    this.at += count;
    return this.bytes.toString('hex', this.at - count, this.at);
  }
}
