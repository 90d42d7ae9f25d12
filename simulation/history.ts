// What the clients of a run did and were told, in the order in which it happened. Checkers read nothing else: an event's place
// in the list is its time, and what was not answered may have happened at any time after it was asked, or never.

export type HistoryEvent =
  | SendEvent
  | SentEvent
  | FetchEvent
  | FetchedEvent
  | ListOffsetEvent
  | ListedOffsetEvent
  | DeleteRecordsEvent
  | DeletedRecordsEvent
  | WriteEvent
  | WrittenEvent
  | ReadEvent
  | ReadValueEvent
  | TopicEvent
  | TransactionEndedEvent
  | HandedOutEvent;

/** The log of one partition of one topic: `<topic id>/<partition>`. */
export type LogKey = string;

export interface SentRecord {
  /** Unique in the run. */
  readonly id: string;
  /** Of the value. */
  readonly digest: string;
  /** Where later records replace earlier ones of the same key. */
  readonly key?: string;
  /** It has no value: with it, nothing of its key is left in the end. */
  readonly isTombstone?: boolean;
}

/** Records of a log may go by themselves: the oldest, those of whose key there is a newer one, or both kinds. */
export type Losing = 'oldest' | 'replaced' | 'both';

/** One batch goes out, for the first time. */
export interface SendEvent {
  readonly type: 'send';
  readonly op: number;
  readonly log: LogKey;
  readonly acks: number;
  readonly records: readonly SentRecord[];
  /** Sent again under the same sequence until there is an answer: it may be there once, in the producer's order. */
  readonly producer: string | undefined;
  /** The library repeats it under a new identity when it has to: it may be there more than once. */
  readonly mayRepeat: boolean;
  /** Part of this transaction: readable only when that commits. */
  readonly transaction?: string;
}

export interface SentEvent {
  readonly type: 'sent';
  readonly op: number;
  /** refused: it has certainly not been written; unknown: it may be, later too. */
  readonly outcome: 'ok' | 'refused' | 'unknown';
  /** −1 when the broker did not say. */
  readonly baseOffset: number;
}

export interface FetchEvent {
  readonly type: 'fetch';
  readonly op: number;
  readonly log: LogKey;
  readonly offset: number;
  readonly readCommitted: boolean;
}

export interface FetchedRecord {
  readonly offset: number;
  readonly id: string;
  readonly digest: string;
  readonly key?: string;
}

export interface FetchedEvent {
  readonly type: 'fetched';
  readonly op: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  /** Of the batches in the answer: first and last offset, in order. */
  readonly spans: readonly (readonly [first: number, last: number])[];
  readonly records: readonly FetchedRecord[];
  /** Ids of those that a reader of committed records does not show: their transactions were aborted. */
  readonly hidden: readonly string[];
}

export interface ListOffsetEvent {
  readonly type: 'list-offset';
  readonly op: number;
  readonly log: LogKey;
  readonly which: 'earliest' | 'latest' | 'stable';
}

export interface ListedOffsetEvent {
  readonly type: 'listed-offset';
  readonly op: number;
  readonly offset: number;
}

export interface DeleteRecordsEvent {
  readonly type: 'delete-records';
  readonly op: number;
  readonly log: LogKey;
  /** −1: everything. */
  readonly beforeOffset: number;
}

export interface DeletedRecordsEvent {
  readonly type: 'deleted-records';
  readonly op: number;
  readonly lowWatermark: number;
}

/** A register: a committed offset, a config, the existence of a topic. Values are compared as texts. */
export interface WriteEvent {
  readonly type: 'write';
  readonly op: number;
  readonly register: string;
  readonly value: string;
}

export interface WrittenEvent {
  readonly type: 'written';
  readonly op: number;
  readonly outcome: 'ok' | 'refused' | 'unknown';
}

export interface ReadEvent {
  readonly type: 'read';
  readonly op: number;
  readonly register: string;
}

export interface ReadValueEvent {
  readonly type: 'read-value';
  readonly op: number;
  readonly value: string;
}

/** Logs come and go with their topic: these are about one id. */
export interface TopicEvent {
  readonly type: 'topic-created' | 'topic-delete-asked';
  readonly topicId: string;
  readonly name: string;
  readonly loses?: Losing;
}

/** What its producer knows of it: not committed is aborted, also when nobody asked for that. */
export interface TransactionEndedEvent {
  readonly type: 'transaction-ended';
  readonly transaction: string;
  readonly decision: 'committed' | 'aborted' | 'unknown';
}

export interface HandedOutEvent {
  readonly type: 'handed-out';
  readonly group: string;
  readonly member: string;
  readonly log: LogKey;
  readonly ids: readonly string[];
}

export class History {
  readonly events: HistoryEvent[] = [];
  #ops = 0;

  nextOp(): number {
    return this.#ops++;
  }

  add(event: HistoryEvent): void {
    this.events.push(event);
  }
}

export function logKey(topicId: string, partition: number): LogKey {
  return `${topicId}/${partition}`;
}
