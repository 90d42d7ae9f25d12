// What happened in a world, line by line, for people and for the test that a seed repeats itself.

export class Trace {
  /** Kept only when asked for; a run without lines is the same run. */
  readonly lines: string[] | undefined;
  #nowMs: () => number;

  constructor(keepsLines: boolean, nowMs: () => number) {
    this.lines = keepsLines ? [] : undefined;
    this.#nowMs = nowMs;
  }

  /** `text` is called only when lines are kept. */
  line(who: string, text: () => string): void {
    this.lines?.push(`${this.#nowMs().toFixed(3).padStart(11)} ${who.padEnd(12)} ${text()}`);
  }
}
