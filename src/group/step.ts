// One step of a group's machine while it is taken: when it happens and the effects it has gathered so far.
import type { CoordinatorRecord, Effect, Reply } from './effects.ts';

export class Step {
  readonly nowMs: number;
  readonly effects: Effect[] = [];

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  append(...records: CoordinatorRecord[]): void {
    this.effects.push({ type: 'append', records });
  }

  reply<Response>(to: Reply<Response>, response: Response): void {
    this.effects.push({ type: 'reply', to, response });
  }

  arm(key: string, afterMs: number): void {
    this.effects.push({ type: 'timer', key, afterMs });
  }

  cancel(key: string): void {
    this.effects.push({ type: 'cancel', key });
  }
}
