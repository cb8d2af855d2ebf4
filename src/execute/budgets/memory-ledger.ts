/** Memory of small requests that are answered although `~memory` has taken all that it may, in bytes. */
const headroomBytes = 64_000_000;

/**
 * Memory of all requests of a service: their own, that of their answers, and what `~memory` holds. All share one limit, and
 * the answers have a lower one of their own.
 */
export class MemoryLedger {
  private readonly maxAnswerBytes: number;
  private readonly maxBytes: number;
  private readonly maxMemoryBytes: number;
  private answers = 0;
  private memory = 0;
  private work = 0;

  /**
   * @param maxAnswerBytes limit of all answers (`--max-held`)
   * @param maxBytes limit of everything (`--max-memory`)
   */
  constructor(maxAnswerBytes: number, maxBytes: number) {
    this.maxAnswerBytes = maxAnswerBytes;
    this.maxMemoryBytes = maxBytes;
    this.maxBytes = Math.max(maxBytes, maxAnswerBytes);
  }

  /** Size of the answers, in bytes. */
  get answerBytes(): number {
    return this.answers;
  }

  /** Memory of all requests, in bytes. */
  get totalBytes(): number {
    return this.answers + this.memory + this.work;
  }

  /** Reports whether answers may take more bytes. */
  hasRoom(bytes: number): boolean {
    return this.answers + bytes <= this.maxAnswerBytes && this.totalBytes + bytes <= this.maxBytes;
  }

  /** Takes bytes for an answer. Negative bytes give some back. */
  addAnswer(bytes: number): void {
    this.answers += bytes;
  }

  /** Takes bytes for `~memory`, and reports whether they fit. */
  takeMemory(bytes: number): boolean {
    const isTooMuch = this.memory + bytes > this.maxMemoryBytes || this.totalBytes + bytes > this.maxBytes;
    if (isTooMuch) return false;
    this.memory += bytes;
    return true;
  }

  /** Gives bytes of `~memory` back. */
  returnMemory(bytes: number): void {
    this.memory -= bytes;
  }

  /** Takes the bytes of a small request or a call, and reports whether they fit. */
  takeWork(bytes: number): boolean {
    if (this.totalBytes + bytes > this.maxBytes + headroomBytes) return false;
    this.work += bytes;
    return true;
  }

  /** Gives the bytes of a request or a call back. */
  returnWork(bytes: number): void {
    this.work -= bytes;
  }
}
