import { randomFillSync } from 'node:crypto';
import type { IdGenerator } from '@opentelemetry/sdk-trace';

const traceIdDigits = 32;
const spanIdDigits = 16;

/** Generator of random ids, which are parts of one long random text. Making each of them costs ten times as much. */
export class RandomIds implements IdGenerator {
  private readonly bytes = Buffer.alloc(4096);
  private digits = '';
  private at = 0;

  generateTraceId(): string {
    return this.next(traceIdDigits);
  }

  generateSpanId(): string {
    return this.next(spanIdDigits);
  }

  private next(count: number): string {
    if (this.at + count > this.digits.length) {
      this.digits = randomFillSync(this.bytes).toString('hex');
      this.at = 0;
    }
    this.at += count;
    return this.digits.slice(this.at - count, this.at);
  }
}
