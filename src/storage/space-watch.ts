// A full disk is a state, not a crash: below a reserve nothing is appended, so that checkpoints and deletions still have
// room; above it everything goes on by itself.
import type { Files } from '../runtime/files.ts';
import type { LogLines, Timer, Timers } from '../runtime/runtime.ts';

export interface SpaceWatchOptions {
  readonly files: Files;
  readonly timers: Timers;
  readonly log: LogLines;
  readonly directory: string;
  /** 0: nothing is watched. */
  readonly reserveBytes: number;
  readonly intervalMs: number;
}

export class SpaceWatch {
  full = false;
  #options: SpaceWatchOptions;
  #timer: Timer | undefined;
  #sinceCheck = 0;
  #checking: Promise<void> | undefined;
  #stopped = false;

  constructor(options: SpaceWatchOptions) {
    this.#options = options;
    if (options.reserveBytes > 0) this.#schedule(0);
  }

  /** So many bytes went to the disk: much in a short time is looked at before the next interval. */
  wrote(bytes: number): void {
    this.#sinceCheck += bytes;
    if (this.#sinceCheck * 4 > this.#options.reserveBytes && this.#options.reserveBytes > 0) void this.check();
  }

  check(): Promise<void> {
    this.#sinceCheck = 0;
    this.#checking ??= this.#look().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    const { files, log, directory, reserveBytes } = this.#options;
    try {
      const { freeBytes } = await files.space(directory);
      const full = freeBytes < reserveBytes;
      if (full && !this.full)
        log.error('disk full: nothing is accepted until there is space', { directory, freeBytes, reserveBytes });
      if (!full && this.full) log.info('disk has space again', { directory, freeBytes });
      this.full = full;
    } catch {
      // A file system that cannot say how much is free is written to until it refuses.
    }
  }

  #schedule(delayMs: number): void {
    this.#timer = this.#options.timers.set(delayMs, () => {
      void this.check().finally(() => {
        if (!this.#stopped) this.#schedule(this.#options.intervalMs);
      });
    });
  }
}
