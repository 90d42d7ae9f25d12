// A bounded number of jobs at a time; the rest wait in order. Keeps background I/O from taking all of libuv's threads, and jobs that
// may take as long as a disk is behind from keeping the short ones waiting. A job must not ask for another slot: it might wait for its own.
import assert from 'node:assert/strict';

export class Slots {
  readonly #free: Lane;
  readonly #long: Lane;

  /** Of `count` jobs at most `longCount`, fewer than that, are long ones. */
  constructor(count: number, longCount: number) {
    assert(longCount < count, 'long jobs leave a slot for short ones');
    this.#free = new Lane(count);
    this.#long = new Lane(longCount);
  }

  run<T>(job: () => Promise<T>): Promise<T> {
    return this.#free.run(job);
  }

  /** For a job that waits for a disk to have written what came before, such as a sync. */
  runLong<T>(job: () => Promise<T>): Promise<T> {
    return this.#long.run(() => this.#free.run(job));
  }
}

class Lane {
  #free: number;
  #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async run<T>(job: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await job();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
