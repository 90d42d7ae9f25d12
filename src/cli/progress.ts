// One line on a terminal that says how far a long command is, drawn over itself a few times a second; nothing elsewhere.
import type { CommandWorld } from './world.ts';

const REDRAW_MS = 200;

export class Progress {
  readonly #world: CommandWorld;
  readonly #visible: boolean;
  #nextMs: number;
  #drawn = 0;

  /** `visible`: where the data itself goes to the terminal, a progress line would run through it. */
  constructor(world: CommandWorld, visible = true) {
    this.#world = world;
    this.#visible = visible && world.errors.isTerminal;
    this.#nextMs = world.runtime.clock.monotonicMs() + REDRAW_MS;
  }

  show(text: () => string): void {
    if (!this.#visible) return;
    const nowMs = this.#world.runtime.clock.monotonicMs();
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + REDRAW_MS;
    const line = text().slice(0, this.#world.errors.columns - 1);
    this.#world.errors.write(`\r${line.padEnd(this.#drawn)}`);
    this.#drawn = line.length;
  }

  /** Removes the line. */
  done(): void {
    if (this.#drawn > 0) this.#world.errors.write(`\r${' '.repeat(this.#drawn)}\r`);
    this.#drawn = 0;
  }
}
