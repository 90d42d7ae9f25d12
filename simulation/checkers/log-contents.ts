// Promises about one log, by what was sent to it and read from it:
//   offset-reuse       an offset holds one record, for ever, whoever asks, whoever was told
//   never-sent         nothing can be read that was not sent to this log, byte for byte
//   lost               what was acknowledged can be read, unless it was allowed to go
//   repeated           what was sent once is there once
//   order              what was sent after an acknowledgement stands after what was acknowledged; a producer's own in its order
//   dense              offsets follow one another without a hole
import type { FetchedRecord, HistoryEvent, LogKey, Losing, SendEvent, SentRecord } from '../history.ts';
import type { Violation } from './violation.ts';

interface SentState {
  readonly send: SendEvent;
  readonly index: number;
  readonly record: SentRecord;
  outcome: 'open' | 'ok' | 'refused' | 'unknown';
  /** As acknowledged; −1 when not told. */
  offset: number;
  /** Highest offset acknowledged in the log when this was sent: its own must be beyond. */
  readonly after: number;
  readonly seenAt: Set<number>;
}

interface LogState {
  readonly byOffset: Map<number, { id: string; source: string }>;
  readonly sent: Map<string, SentState>;
  acknowledgedMax: number;
}

export interface FinalReading {
  readonly log: LogKey;
  readonly logStartOffset: number;
  readonly endOffset: number;
  readonly records: readonly FetchedRecord[];
  /** Ids of those that a reader of committed records does not show. */
  readonly hidden: readonly string[];
}

export function checkLogContents(events: readonly HistoryEvent[], finals: readonly FinalReading[]): Violation[] {
  return new LogContents(events, finals).check();
}

class LogContents {
  readonly #events: readonly HistoryEvent[];
  readonly #finals: readonly FinalReading[];
  readonly #logs = new Map<LogKey, LogState>();
  readonly #violations: Violation[] = [];
  /** Topic ids of which records may go by themselves, and how. */
  readonly #losing = new Map<string, Losing>();

  constructor(events: readonly HistoryEvent[], finals: readonly FinalReading[]) {
    this.#events = events;
    this.#finals = finals;
  }

  check(): Violation[] {
    const sends = new Map<number, SendEvent>();
    const fetches = new Map<number, LogKey>();
    const sentByOp = new Map<number, SentState[]>();
    for (const event of this.#events) {
      switch (event.type) {
        case 'topic-created':
          if (event.loses !== undefined) this.#losing.set(event.topicId, event.loses);
          break;
        case 'send':
          sends.set(event.op, event);
          sentByOp.set(event.op, this.#send(event));
          break;
        case 'sent':
          for (const state of sentByOp.get(event.op) ?? []) this.#sent(state, event.outcome, event.baseOffset);
          break;
        case 'fetch':
          fetches.set(event.op, event.log);
          break;
        case 'fetched':
          this.#fetched(fetches.get(event.op)!, event.spans, event.records);
          break;
        default:
      }
    }
    for (const final of this.#finals) this.#final(final);
    for (const [key, log] of this.#logs) this.#producerOrder(key, log);
    return this.#violations;
  }

  #log(key: LogKey): LogState {
    let log = this.#logs.get(key);
    if (log === undefined) {
      log = { byOffset: new Map(), sent: new Map(), acknowledgedMax: -1 };
      this.#logs.set(key, log);
    }
    return log;
  }

  #send(send: SendEvent): SentState[] {
    const log = this.#log(send.log);
    return send.records.map((record, index) => {
      const state: SentState = {
        send,
        index,
        record,
        outcome: 'open',
        offset: -1,
        after: log.acknowledgedMax,
        seenAt: new Set(),
      };
      log.sent.set(record.id, state);
      return state;
    });
  }

  #sent(state: SentState, outcome: 'ok' | 'refused' | 'unknown', baseOffset: number): void {
    state.outcome = outcome;
    if (outcome !== 'ok' || baseOffset < 0) return;
    const { send, record } = state;
    const offset = baseOffset + state.index;
    state.offset = offset;
    // With acks=1 the record may be lost with the machine, and its offset given to another.
    if (send.acks !== -1) return;
    const log = this.#log(send.log);
    if (offset <= state.after && !send.mayRepeat) {
      this.#complain(
        'order',
        `${record.id} was acknowledged at ${offset} of ${send.log}, and ${state.after} before it was sent`,
      );
    }
    log.acknowledgedMax = Math.max(log.acknowledgedMax, offset);
    this.#told(send.log, log, offset, record.id, 'acknowledged');
  }

  #fetched(key: LogKey, spans: readonly (readonly [number, number])[], records: readonly FetchedRecord[]): void {
    const log = this.#log(key);
    const mayHaveHoles = this.#mayHaveHoles(key);
    for (let i = 1; i < spans.length; i++) {
      const end = spans[i - 1]![1] + 1;
      const start = spans[i]![0];
      if (start !== end && !(mayHaveHoles && start > end))
        this.#complain('dense', `in ${key} a batch at ${start} follows one that ends before ${end}`);
    }
    for (const record of records) this.#read(key, log, record);
  }

  #read(key: LogKey, log: LogState, { offset, id, digest }: FetchedRecord): void {
    this.#told(key, log, offset, id, 'read');
    const state = log.sent.get(id);
    if (state === undefined) {
      this.#complain('never-sent', `${id} was read at ${offset} of ${key}, where nobody sent it`);
      return;
    }
    if (state.record.digest !== digest) {
      this.#complain('never-sent', `${id} was read at ${offset} of ${key} with other bytes than it was sent with`);
    }
    if (state.outcome === 'refused') {
      this.#complain('never-sent', `${id} was read at ${offset} of ${key} although the broker had refused it`);
    }
    state.seenAt.add(offset);
    if (state.seenAt.size > 1 && !state.send.mayRepeat) {
      this.#complain('repeated', `${id} stands in ${key} at ${[...state.seenAt].join(' and ')}`);
    }
    if (offset <= state.after && !state.send.mayRepeat) {
      this.#complain(
        'order',
        `${id} was read at ${offset} of ${key}, and ${state.after} was acknowledged before it was sent`,
      );
    }
  }

  #told(key: LogKey, log: LogState, offset: number, id: string, source: string): void {
    const known = log.byOffset.get(offset);
    if (known === undefined) log.byOffset.set(offset, { id, source });
    else if (known.id !== id) {
      this.#complain(
        'offset-reuse',
        `offset ${offset} of ${key} was ${known.source} as ${known.id}, then ${source} as ${id}`,
      );
    }
  }

  #final({ log: key, logStartOffset, endOffset, records }: FinalReading): void {
    const log = this.#log(key);
    for (const record of records) this.#read(key, log, record);
    // What may be gone of such a log, compacted.ts knows.
    if (this.#mayHaveHoles(key)) return;
    const present = new Set(records.map(({ id }) => id));
    for (const state of log.sent.values()) {
      if (state.outcome !== 'ok' || state.send.acks !== -1 || present.has(state.record.id)) continue;
      if (state.offset >= 0 && state.offset < logStartOffset) continue;
      // Acknowledged without an offset: it may be below the start, when there is a start.
      if (state.offset < 0 && logStartOffset > 0) continue;
      this.#complain(
        'lost',
        `${state.record.id} was acknowledged at ${state.offset} of ${key} and is not there; it holds ${logStartOffset} to ${endOffset}`,
      );
    }
    for (const [offset, { id, source }] of log.byOffset) {
      if (offset < logStartOffset || present.has(id)) continue;
      this.#complain(
        'lost',
        `${id} was ${source} at ${offset} of ${key} and is not there; it holds ${logStartOffset} to ${endOffset}`,
      );
    }
  }

  #mayHaveHoles(key: LogKey): boolean {
    const loses = this.#losing.get(topicIdOf(key));
    return loses === 'replaced' || loses === 'both';
  }

  /** By the places of the producer's sends: what it sent later stands later. */
  #producerOrder(key: LogKey, log: LogState): void {
    const last = new Map<string, SentState>();
    for (const state of log.sent.values()) {
      const { producer } = state.send;
      const [offset] = state.seenAt;
      if (producer === undefined || offset === undefined || state.send.mayRepeat) continue;
      const before = last.get(producer);
      if (before !== undefined && offset <= [...before.seenAt][0]!) {
        this.#complain(
          'order',
          `${producer} sent ${state.record.id} after ${before.record.id}; ${key} has it before, at ${offset}`,
        );
      }
      last.set(producer, state);
    }
  }

  #complain(checker: string, sentence: string): void {
    this.#violations.push({ checker, sentence });
  }
}

function topicIdOf(key: LogKey): string {
  return key.slice(0, key.lastIndexOf('/'));
}
