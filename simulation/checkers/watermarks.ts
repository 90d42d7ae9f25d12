// Promises about the marks of one log, told by Fetch, ListOffsets and DeleteRecords:
//   mark-went-back     high watermark, last stable offset and log start never go back: the answer to a later question shows at
//                      least what an earlier answer showed, and what was acknowledged (acks=all) is below the high watermark
//   beyond-the-end     nothing is handed out beyond the high watermark, nor is the last stable offset beyond it
//   start-moved        the log start moves only because somebody asked, or the topic loses its oldest records by itself
import type { HistoryEvent, LogKey } from '../history.ts';
import type { Violation } from './violation.ts';

interface Marks {
  highWatermark: number;
  lastStableOffset: number;
  logStartOffset: number;
}

interface Log extends Marks {
  /** The greatest start that somebody asked for. */
  startAsked: number;
}

interface Question {
  readonly key: LogKey;
  readonly about: keyof Marks | undefined;
  /** The marks when it was asked. */
  readonly before: Marks;
}

export function checkWatermarks(events: readonly HistoryEvent[]): Violation[] {
  const watermarks = new Watermarks();
  for (const event of events) watermarks.take(event);
  return watermarks.violations;
}

const MARK_OF = { latest: 'highWatermark', stable: 'lastStableOffset', earliest: 'logStartOffset' } as const;

class Watermarks {
  readonly violations: Violation[] = [];
  readonly #logs = new Map<LogKey, Log>();
  readonly #losing = new Set<string>();
  readonly #questions = new Map<number, Question>();
  readonly #committedReads = new Set<number>();
  readonly #sends = new Map<number, { log: LogKey; acks: number; count: number }>();

  take(event: HistoryEvent): void {
    switch (event.type) {
      case 'topic-created':
        if (event.loses === 'oldest' || event.loses === 'both') this.#losing.add(event.topicId);
        break;
      case 'send':
        this.#sends.set(event.op, { log: event.log, acks: event.acks, count: event.records.length });
        break;
      case 'sent': {
        const { log, acks, count } = this.#sends.get(event.op)!;
        if (event.outcome !== 'ok' || event.baseOffset < 0 || acks !== -1) break;
        const marks = this.#log(log);
        marks.highWatermark = Math.max(marks.highWatermark, event.baseOffset + count);
        break;
      }
      case 'fetch':
        this.#ask(event.op, event.log, undefined);
        if (event.readCommitted) this.#committedReads.add(event.op);
        break;
      case 'list-offset':
        this.#ask(event.op, event.log, MARK_OF[event.which]);
        break;
      case 'delete-records': {
        this.#ask(event.op, event.log, 'logStartOffset');
        const log = this.#log(event.log);
        const asked = event.beforeOffset < 0 ? Number.POSITIVE_INFINITY : event.beforeOffset;
        log.startAsked = Math.max(log.startAsked, asked);
        break;
      }
      case 'fetched': {
        const question = this.#questions.get(event.op)!;
        this.#tell(question, 'highWatermark', event.highWatermark);
        this.#tell(question, 'lastStableOffset', event.lastStableOffset);
        this.#tell(question, 'logStartOffset', event.logStartOffset);
        const { highWatermark, lastStableOffset } = event;
        const isCommittedRead = this.#committedReads.has(event.op);
        this.#handedOut(
          question.key,
          event.spans.at(-1)?.[1] ?? -1,
          isCommittedRead ? lastStableOffset : highWatermark,
        );
        if (lastStableOffset > highWatermark) {
          this.#complain(
            'beyond-the-end',
            `${question.key} is stable up to ${lastStableOffset}, beyond ${highWatermark}`,
          );
        }
        break;
      }
      case 'listed-offset':
      case 'deleted-records': {
        const question = this.#questions.get(event.op)!;
        this.#tell(question, question.about!, event.type === 'listed-offset' ? event.offset : event.lowWatermark);
        break;
      }
      default:
    }
  }

  #log(key: LogKey): Log {
    let log = this.#logs.get(key);
    if (log === undefined) {
      log = { highWatermark: 0, lastStableOffset: 0, logStartOffset: 0, startAsked: 0 };
      this.#logs.set(key, log);
    }
    return log;
  }

  #ask(op: number, key: LogKey, about: keyof Marks | undefined): void {
    this.#questions.set(op, { key, about, before: { ...this.#log(key) } });
  }

  #tell({ key, before }: Question, mark: keyof Marks, offset: number): void {
    if (offset < before[mark])
      this.#complain('mark-went-back', `${mark} of ${key} was ${before[mark]}, and later ${offset}`);
    const log = this.#log(key);
    log[mark] = Math.max(log[mark], offset);
    if (mark !== 'logStartOffset' || offset <= log.startAsked || this.#losing.has(topicIdOf(key))) return;
    this.#complain('start-moved', `${key} starts at ${offset}, and nobody asked for more than ${log.startAsked}`);
  }

  #handedOut(key: LogKey, last: number, end: number): void {
    if (last >= end) this.#complain('beyond-the-end', `${last} of ${key} was handed out, and its end was ${end}`);
  }

  #complain(checker: string, sentence: string): void {
    this.violations.push({ checker, sentence });
  }
}

function topicIdOf(key: LogKey): string {
  return key.slice(0, key.lastIndexOf('/'));
}
