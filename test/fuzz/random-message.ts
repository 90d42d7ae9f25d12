// Messages with the right shape and any content, made from their definitions: names are mostly those that exist, numbers mostly those
// at which code changes its mind. Much faster than fast-check, which has to be able to shrink.
import type { Message } from '../../src/protocol/message.ts';
import { type Field, type Fields, includesVersion } from '../../src/protocol/schema.ts';
import { ZERO_UUID } from '../../src/protocol/uuid.ts';
import type { Dice } from '../dice.ts';
import { defaultValue } from '../protocol-arbitrary.ts';

/** What the broker under test has, so that requests get past the first check. */
export interface Known {
  readonly names: readonly string[];
  readonly topicIds: readonly string[];
  /** Batches for `records` fields; any bytes are used as well. */
  readonly batches: readonly Buffer[];
}

const STRINGS = [
  '',
  '*',
  'a',
  'User:alice',
  '..',
  'a b',
  'ü\u{1F600}',
  'x'.repeat(249),
  'x'.repeat(250),
  '\0',
  '__consumer_offsets',
];
const PATTERNS = [
  '(a+)+$',
  '(.*a){30}',
  '[',
  'x{1,1000}',
  '(((((((((a*)*)*)*)*)*)*)*)*)*$',
  '\\p{Han}+',
  '^fuzz-.*',
  '('.repeat(900),
];
const SMALL = [0, 1, 2, 3, -1, -2, 5, 10, 100];
const INT32 = [0x7fffffff, -0x80000000, 0x7ffffffe, 1_000_000, 0x10000];
const INT64 = [Number.MAX_SAFE_INTEGER, -1, Number.MIN_SAFE_INTEGER, 2 ** 31, 1_700_000_000_000];

export function noise(dice: Dice, count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, () => dice.below(256)));
}

export class RandomMessages {
  readonly #dice: Dice;
  readonly #known: Known;

  constructor(dice: Dice, known: Known) {
    this.#dice = dice;
    this.#known = known;
  }

  message(message: Message, version: number): Record<string, unknown> {
    return this.#struct(message.fields, version);
  }

  #struct(fields: Fields, version: number): Record<string, unknown> {
    const value: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(fields)) {
      const { versions } = field.options;
      const isThere = versions === undefined || includesVersion(versions, version);
      value[name] = isThere ? this.#field(name, field, version) : defaultValue(field);
    }
    return value;
  }

  #field(name: string, field: Field, version: number): unknown {
    const { nullable } = field.options;
    const mayBeNull = nullable === true || (nullable !== undefined && includesVersion(nullable, version));
    if (mayBeNull && this.#dice.below(4) === 0) return null;
    return this.#value(name, field, version);
  }

  #value(name: string, field: Field, version: number): unknown {
    const { below } = this.#dice;
    switch (field.type) {
      case 'bool':
        return below(2) === 0;
      case 'int8':
        return this.#one([...SMALL, 0x7f, -0x80]) % 0x80;
      case 'int16':
        return this.#one([...SMALL, 0x7fff, -0x8000, below(0x8000)]);
      case 'uint16':
        return below(0x10000);
      case 'int32':
        // Answers wait for those before them.
        if (/wait|timeout/i.test(name) && below(10) > 0) return this.#one([0, 1, 10]);
        return below(3) > 0 ? this.#one(SMALL) : this.#one([...INT32, below(0x7fffffff)]);
      case 'uint32':
        return below(0x7fffffff);
      case 'int64':
        return below(3) > 0 ? this.#one(SMALL) : this.#one(INT64);
      case 'exactInt64':
        return BigInt(this.#one([...SMALL, ...INT64]));
      case 'float64':
        return this.#one([0, 1, -1, 1e308, Number.POSITIVE_INFINITY, Number.NaN]);
      case 'uuid':
        return this.#uuid();
      case 'string':
        return this.#text(name);
      case 'bytes':
        return below(2) === 0 ? noise(this.#dice, below(64)) : this.#one(this.#known.batches);
      case 'records':
        return [this.#records()];
      case 'array':
        return Array.from({ length: this.#one([0, 1, 1, 1, 2, 3]) }, () => this.#value(name, field.element!, version));
      case 'struct':
        return this.#struct(field.fields!, version);
    }
  }

  #text(name: string): string {
    const { below } = this.#dice;
    if (/regex|pattern/i.test(name)) return this.#one(PATTERNS);
    const roll = below(20);
    if (roll < 16) return this.#one(this.#known.names);
    if (roll < 19) return this.#one(STRINGS);
    return noise(this.#dice, below(20)).toString('latin1');
  }

  #uuid(): string {
    const roll = this.#dice.below(10);
    if (roll < 6 && this.#known.topicIds.length > 0) return this.#one(this.#known.topicIds);
    return roll < 8 ? ZERO_UUID : noise(this.#dice, 16).toString('base64url');
  }

  #records(): Buffer {
    const batch = this.#one(this.#known.batches);
    if (this.#dice.below(3) > 0) return batch;
    const changed = Buffer.from(batch);
    for (let count = 1 + this.#dice.below(4); count > 0; count--) {
      changed[this.#dice.below(changed.length)] = this.#dice.below(256);
    }
    return changed;
  }

  #one<T>(choices: readonly T[]): T {
    return choices[this.#dice.below(choices.length)]!;
  }
}
