/** So many sequences are kept; the one that was not drawn from for the longest time makes room. */
const mostSequences = 10_000;

const goldenRatio = (Math.sqrt(5) - 1) / 2;

/**
 * What is left to chance in directives. It is exact over time, and the same again with the same seed: of any `n` draws
 * of a share `p`, `n · p` are hits, give or take one, at places that cannot be foretold.
 *
 * Each key has a sequence of its own. A draw takes the next of its sequence, however many requests are under way.
 */
export class Chance {
  private readonly seed: string;
  /** By a hash: keys may be long. */
  private readonly sequences = new Map<number, { readonly salt: number; drawn: number }>();

  constructor(seed: string) {
    this.seed = seed;
  }

  /** Whether this draw is one of the `hits` in every `of`. */
  isHit(key: string, hits: number, of: number): boolean {
    const { salt, index } = this.next(key);
    // The rarer of the two is placed: its strata are longer, so there is more to choose from.
    return hits * 2 > of ? !isPlaced(index, of - hits, of, salt) : isPlaced(index, hits, of, salt);
  }

  /** A number from 0 to 1, each as likely. */
  uniform(key: string): number {
    const { salt, index } = this.next(key);
    return fractionOf(salt, index);
  }

  /** A number from 0 to 1, so that any few draws in a row are already spread over the whole evenly. */
  spread(key: string): number {
    const { salt, index } = this.next(key);
    return (fractionOf(salt, 0) + index * goldenRatio) % 1;
  }

  private next(key: string): { salt: number; index: number } {
    const salt = hash(`${this.seed} ${key}`);
    const name = (salt >>> 0) * 2 ** 21 + (hash(`${key} ${this.seed}`) >>> 11);
    const sequence = this.sequences.get(name) ?? { salt, drawn: 0 };
    this.sequences.delete(name);
    this.sequences.set(name, sequence);
    if (this.sequences.size > mostSequences) {
      const [longestUnused = name] = this.sequences.keys();
      this.sequences.delete(longestUnused);
    }
    return { salt: sequence.salt, index: sequence.drawn++ };
  }
}

/** Every stratum, the indices with the same whole part of `index · hits / of`, has one hit, at a place drawn for it. */
function isPlaced(index: number, hits: number, of: number, salt: number): boolean {
  if (hits === 0) return false;
  const stratum = Math.floor((index * hits) / of);
  const first = Math.ceil((stratum * of) / hits);
  const end = Math.ceil(((stratum + 1) * of) / hits);
  return index === first + Math.floor(fractionOf(salt, stratum) * (end - first));
}

/** FNV-1a (draft-eastlake-fnv), over UTF-16 units. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return value;
}

/** A number from 0 to 1 for each index of a sequence: MurmurHash3's finalizer over a Weyl sequence. */
function fractionOf(salt: number, index: number): number {
  let value = (salt + Math.imul(index + 1, 0x9e3779b9)) | 0;
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return ((value ^ (value >>> 16)) >>> 0) / 2 ** 32;
}
