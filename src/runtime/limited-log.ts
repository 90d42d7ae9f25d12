// Log lines that clients can cause, kept to a few per kind and interval, so that a misbehaving client cannot fill a disk.
import type { Clock, LogFields, LogLines } from './runtime.ts';

const INTERVAL_MS = 10_000;
const LINES_PER_INTERVAL_MAX = 5;

interface Kind {
  intervalStartedAtMs: number;
  lines: number;
  suppressed: number;
}

export class LimitedLog {
  readonly #log: LogLines;
  readonly #clock: Clock;
  /** By message; messages are constants of the code, so there are few. */
  readonly #kinds = new Map<string, Kind>();

  constructor(log: LogLines, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** `message` is constant; what varies goes into `fields`. */
  warn(message: string, fields: LogFields): void {
    const suppressed = this.#admit(message);
    if (suppressed !== undefined) {
      this.#log.warn(message, suppressed > 0 ? { ...fields, alikeNotShown: suppressed } : fields);
    }
  }

  error(message: string, fields: LogFields): void {
    const suppressed = this.#admit(message);
    if (suppressed !== undefined) {
      this.#log.error(message, suppressed > 0 ? { ...fields, alikeNotShown: suppressed } : fields);
    }
  }

  /** How many lines of this kind were left out before this one; undefined when this one is left out too. */
  #admit(message: string): number | undefined {
    const nowMs = this.#clock.monotonicMs();
    let kind = this.#kinds.get(message);
    if (kind === undefined) {
      kind = { intervalStartedAtMs: nowMs, lines: 0, suppressed: 0 };
      this.#kinds.set(message, kind);
    }
    if (nowMs - kind.intervalStartedAtMs >= INTERVAL_MS) {
      kind.intervalStartedAtMs = nowMs;
      kind.lines = 0;
    }
    if (kind.lines >= LINES_PER_INTERVAL_MAX) {
      kind.suppressed += 1;
      return undefined;
    }
    kind.lines += 1;
    const suppressed = kind.suppressed;
    kind.suppressed = 0;
    return suppressed;
  }
}
