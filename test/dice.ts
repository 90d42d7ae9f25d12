// Seeded dice for property tests that cannot take their choices from fast-check: the same seed throws the same again.

export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed * 2654435761 + 1;
  }

  /** An integer in [0, limit). Bound, so that it can be handed on alone. */
  below = (limit: number): number => {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * limit);
  };
}
