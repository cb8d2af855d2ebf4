/** Maximum number of sequences. Beyond it, the least recently used sequence is dropped. */
const maxSequences = 10_000;

const goldenRatio = (Math.sqrt(5) - 1) / 2;

/**
 * Random choices of directives. They are exact over time, and repeatable with the same seed: `n` draws of a share `p`
 * have `n · p` hits, plus or minus one, at unpredictable places.
 *
 * Each key has its own sequence. A draw takes the next element, however many requests are in flight.
 */
export class Chance {
  private readonly seed: string;
  /** Sequences by the hashes of their keys, since keys may be long. */
  private readonly sequences = new Map<number, { readonly salt: number; drawn: number }>();

  constructor(seed: string) {
    this.seed = seed;
  }

  /** Draws, and reports whether the draw is one of `hits` hits in `of` draws. */
  isHit(key: string, hits: number, of: number): boolean {
    const { salt, index } = this.next(key);
    // Hits or misses are placed, whichever are rarer: their longer strata have more places to draw from.
    return hits * 2 > of ? !isHitAt(index, of - hits, of, salt) : isHitAt(index, hits, of, salt);
  }

  /** Draws a number from 0 to 1, with a uniform distribution. */
  uniform(key: string): number {
    const { salt, index } = this.next(key);
    return fractionOf(salt, index);
  }

  /** Draws a number from 0 to 1, so that a few successive draws already cover the range evenly. */
  spread(key: string): number {
    const { salt, index } = this.next(key);
    return (fractionOf(salt, 0) + index * goldenRatio) % 1;
  }

  private next(key: string): { salt: number; index: number } {
    const salt = hash(`${this.seed} ${key}`);
    const keyHash = (salt >>> 0) * 2 ** 21 + (hash(`${key} ${this.seed}`) >>> 11);
    const sequence = this.sequences.get(keyHash) ?? { salt, drawn: 0 };
    this.sequences.delete(keyHash);
    this.sequences.set(keyHash, sequence);
    if (this.sequences.size > maxSequences) {
      const [leastRecent = keyHash] = this.sequences.keys();
      this.sequences.delete(leastRecent);
    }
    return { salt: sequence.salt, index: sequence.drawn++ };
  }
}

/**
 * Reports whether an index is a hit. A stratum contains the indexes with the same whole part of `index · hits / of`. It
 * has one hit, at a drawn place.
 */
function isHitAt(index: number, hits: number, of: number, salt: number): boolean {
  if (hits === 0) return false;
  const stratum = Math.floor((index * hits) / of);
  const first = Math.ceil((stratum * of) / hits);
  const end = Math.ceil(((stratum + 1) * of) / hits);
  return index === first + Math.floor(fractionOf(salt, stratum) * (end - first));
}

/** Hashes the UTF-16 units of a text with FNV-1a (draft-eastlake-fnv). */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return value;
}

/** Returns a number from 0 to 1 for an index of a sequence: MurmurHash3's finalizer over a Weyl sequence. */
function fractionOf(salt: number, index: number): number {
  let value = (salt + Math.imul(index + 1, 0x9e3779b9)) | 0;
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return ((value ^ (value >>> 16)) >>> 0) / 2 ** 32;
}
