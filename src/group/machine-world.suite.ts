// A coordinator's shell for tests of group machines: a clock that is moved by hand, the timers that are armed, and a log
// that commits at once. Every reply is given once, or the test fails.
import assert from 'node:assert/strict';
import type { CoordinatorRecord, Effect } from './effects.ts';
import { decodeGroupRecord } from './group-record.ts';
import type { GroupMachine } from './machine.ts';

export class MachineWorld<Machine extends GroupMachine> {
  nowMs = 1_000_000;
  machine: Machine;
  /** Key → when it fires. */
  readonly timers = new Map<string, number>();
  readonly log: CoordinatorRecord[] = [];
  readonly #begin: (nowMs: number) => Machine;
  readonly #told: (effect: Effect) => void;

  /** `told` hears of every effect that changes something, in order. */
  constructor(begin: (nowMs: number) => Machine, told: (effect: Effect) => void = () => undefined) {
    this.#begin = begin;
    this.#told = told;
    this.machine = begin(this.nowMs);
  }

  perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type === 'cancel' && !this.timers.delete(effect.key)) continue;
      this.#told(effect);
      if (effect.type === 'append') this.log.push(...effect.records);
      else if (effect.type === 'timer') this.timers.set(effect.key, this.nowMs + effect.afterMs);
      else if (effect.type === 'reply') effect.to(effect.response);
    }
  }

  /** Timers fire at their times, in order; those of one time in the order they were armed in. */
  advance(ms: number, firing: (key: string) => void = () => undefined): void {
    const endMs = this.nowMs + ms;
    for (let next = this.#next(); next !== null && next.atMs <= endMs; next = this.#next()) {
      this.nowMs = Math.max(this.nowMs, next.atMs);
      this.timers.delete(next.key);
      firing(next.key);
      this.perform(this.machine.timer(next.key, this.nowMs));
    }
    this.nowMs = endMs;
  }

  /** The process is gone with whoever waited; another reads the log. */
  restart(): void {
    this.timers.clear();
    this.machine = this.#begin(this.nowMs);
    for (const record of this.log) this.machine.replay(decodeGroupRecord(record)!);
    this.perform(this.machine.loaded(this.nowMs));
  }

  #next(): { readonly key: string; readonly atMs: number } | null {
    let next: { key: string; atMs: number } | null = null;
    for (const [key, atMs] of this.timers) if (next === null || atMs < next.atMs) next = { key, atMs };
    return next;
  }
}

/** A reply that may be given once; `answer` is null until then. */
export class Question<Response> {
  answer: Response | null = null;
  readonly #onAnswer: (response: Response) => void;

  constructor(onAnswer: (response: Response) => void = () => undefined) {
    this.#onAnswer = onAnswer;
  }

  readonly to = (response: Response): void => {
    assert.equal(this.answer, null, 'answered twice');
    this.answer = response;
    this.#onAnswer(response);
  };
}
