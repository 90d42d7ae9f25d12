// Promises about compacted logs, by what was told of them and what the last reading shows:
//   lost               the newest record of a key is there, unless it is the one that removes the key
//   resurrected        when a record is gone, every older one of its key is gone too
// Who wins is decided among committed records only: what an aborted transaction wrote replaces nothing.
import type { HistoryEvent, LogKey, SentRecord } from '../history.ts';
import type { FinalReading } from './log-contents.ts';
import type { Violation } from './violation.ts';

interface Keyed {
  readonly record: SentRecord;
  readonly acks: number;
  readonly transaction: string | undefined;
  isRefused: boolean;
  /** −1 until somebody was told. */
  offset: number;
}

export function checkCompacted(events: readonly HistoryEvent[], finals: readonly FinalReading[]): Violation[] {
  const compacted = new Compacted();
  for (const event of events) compacted.take(event);
  return finals.flatMap((final) => compacted.judge(final));
}

class Compacted {
  readonly #compacted = new Set<string>();
  readonly #logs = new Map<LogKey, Map<string, Keyed>>();
  readonly #sends = new Map<number, Keyed[]>();
  readonly #fetches = new Map<number, LogKey>();
  readonly #decisions = new Map<string, 'committed' | 'aborted' | 'unknown'>();

  take(event: HistoryEvent): void {
    switch (event.type) {
      case 'topic-created':
        if (event.loses === 'replaced' || event.loses === 'both') this.#compacted.add(event.topicId);
        break;
      case 'send': {
        const { log, acks, transaction, records } = event;
        const sent = records.map((record) => ({ record, acks, transaction, isRefused: false, offset: -1 }));
        this.#sends.set(event.op, sent);
        for (const keyed of sent) this.#log(log).set(keyed.record.id, keyed);
        break;
      }
      case 'sent':
        this.#sends.get(event.op)?.forEach((keyed, i) => {
          keyed.isRefused = event.outcome === 'refused';
          if (event.outcome === 'ok' && event.baseOffset >= 0 && keyed.acks === -1) keyed.offset = event.baseOffset + i;
        });
        break;
      case 'fetch':
        this.#fetches.set(event.op, event.log);
        break;
      case 'fetched': {
        const log = this.#log(this.#fetches.get(event.op)!);
        for (const { id, offset } of event.records) {
          const keyed = log.get(id);
          if (keyed !== undefined) keyed.offset = offset;
        }
        break;
      }
      case 'transaction-ended':
        this.#decisions.set(event.transaction, event.decision);
        break;
      default:
    }
  }

  judge({ log, logStartOffset, records, hidden }: FinalReading): Violation[] {
    if (!this.#compacted.has(log.slice(0, log.lastIndexOf('/')))) return [];
    const violations: Violation[] = [];
    const complain = (checker: string, sentence: string) => violations.push({ checker, sentence });
    const shown = records.filter(({ id }) => !hidden.includes(id));
    const shownIds = new Set(shown.map(({ id }) => id));
    const all = [...this.#log(log).values()];
    for (const keyed of all) {
      const { record, offset } = keyed;
      if (offset < logStartOffset || shownIds.has(record.id) || !this.#isCommitted(keyed)) continue;
      const sameKey = shown.filter(({ key }) => key === record.key);
      const what = `${record.id} at ${offset} of ${log}, of ${record.key},`;
      const older = sameKey.find((other) => other.offset < offset);
      if (older !== undefined) complain('resurrected', `${what} is gone, and ${older.id} at ${older.offset} is not`);
      if (record.isTombstone || sameKey.some((other) => other.offset > offset)) continue;
      if (all.some((other) => this.#mayRemove(other, keyed))) continue;
      complain('lost', `${what} is gone, and nothing newer is there`);
    }
    return violations;
  }

  #log(key: LogKey): Map<string, Keyed> {
    let log = this.#logs.get(key);
    if (log === undefined) {
      log = new Map();
      this.#logs.set(key, log);
    }
    return log;
  }

  #isCommitted({ transaction }: Keyed): boolean {
    return transaction === undefined || this.#decisions.get(transaction) === 'committed';
  }

  /** It removes the key, and may stand behind that record. */
  #mayRemove(other: Keyed, { record, offset }: Keyed): boolean {
    if (other.record.isTombstone !== true || other.record.key !== record.key || other.isRefused) return false;
    if (other.transaction !== undefined && this.#decisions.get(other.transaction) === 'aborted') return false;
    return other.offset < 0 || other.offset > offset;
  }
}
