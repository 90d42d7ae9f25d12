// Seeded random numbers, in streams: each part of a simulated world draws from a stream of its own name, so that one more
// draw here does not change what is drawn there. The generator is sfc32, public domain.

export class Dice {
  readonly #seed: number;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, stream = '') {
    this.#seed = seed;
    this.#a = hash(stream, seed >>> 0);
    this.#b = hash(stream, this.#a ^ Math.floor(seed / 2 ** 32));
    this.#c = hash(stream, this.#b ^ 0x9e3779b9);
    for (let i = 0; i < 12; i++) this.#next();
  }

  stream(name: string): Dice {
    return new Dice(this.#seed, name);
  }

  /** An integer in [0, limit). Bound, so that it can be handed on alone. */
  below = (limit: number): number => Math.floor((this.#next() / 2 ** 32) * limit);

  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** A number in [least, most), small ones more often: the third power of an even one. */
  skewed(least: number, most: number): number {
    const even = this.#next() / 2 ** 32;
    return least + (most - least) * even * even * even;
  }

  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  bytes(count: number): Buffer {
    const bytes = Buffer.alloc(count);
    for (let i = 0; i < count; i++) bytes[i] = this.#next() & 0xff;
    return bytes;
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }
}

function hash(text: string, start: number): number {
  let value = (start ^ 0x811c9dc5) | 0;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  value = Math.imul(value ^ (value >>> 15), 0x2c1b3c6d);
  return (value ^ (value >>> 13)) | 0;
}
