// What every client program of a run stands on: its process, a client of the library in it, the history, dice of its own.
import type { Client } from '../../src/client/client.ts';
import { ClientError } from '../../src/client/client-error.ts';
import { ErrorCode, errorName } from '../../src/protocol/error-code.ts';
import type { RecordToBuild } from '../../src/records/build-batch.ts';
import { crc32c } from '../../src/records/crc32c.ts';
import type { ReadRecord } from '../../src/records/read-batches.ts';
import { sleep } from '../../src/runtime/runtime.ts';
import type { FetchedRecord, History, Losing, SentRecord } from '../history.ts';
import type { Dice } from '../world/dice.ts';
import type { SimulatedProcess } from '../world/simulated-process.ts';

export interface KnownTopic {
  readonly name: string;
  readonly topicId: string;
  partitions: number;
  readonly loses: Losing | undefined;
  /** Somebody asked for its deletion. */
  doomed: boolean;
}

/** Its topic is compacted: records without a key are refused. */
export function isKeyed({ loses }: KnownTopic): boolean {
  return loses === 'replaced' || loses === 'both';
}

export interface ProgramContext {
  readonly process: SimulatedProcess;
  readonly client: Client;
  readonly history: History;
  readonly dice: Dice;
  /** How many times slower than in a run of pace 1 its clients go about their work. */
  readonly pace: number;
  /** Grows and shrinks while topics come and go. */
  readonly topics: readonly KnownTopic[];
  /** Faults are over, producers should come to an end. */
  readonly isOver: () => boolean;
  readonly addTopic: (topic: KnownTopic) => void;
  /** Nobody but members of groups does anything any more. */
  readonly isQuiet: () => boolean;
  /** That, and this group was handed everything that was acknowledged. */
  readonly hasReadAll: (group: string) => boolean;
  readonly onViolation: (checker: string, sentence: string) => void;
  readonly note: (sentence: string) => void;
}

/** Runs until it has nothing to do any more; what it throws is a violation. */
export type Program = (context: ProgramContext) => Promise<void>;

export function pause({ client }: ProgramContext, ms: number): Promise<void> {
  return sleep(client.runtime.timers, ms);
}

/** Between one thing to do and the next: the slower the run's pace, the longer. */
export function think(context: ProgramContext, ms: number): Promise<void> {
  return pause(context, ms * context.pace);
}

/** How a request without a good answer ended. Throws what is no failure of a request. */
export function failureOf(error: unknown): 'unknown' {
  if (error instanceof ClientError) return 'unknown';
  throw error;
}

/** Codes after which the request may have been carried out all the same. */
const UNCERTAIN: ReadonlySet<number> = new Set([
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  ErrorCode.UNKNOWN_SERVER_ERROR,
  // As in Kafka, what waits for its commit when a coordinator has to leave is told so; its records may survive.
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
]);

export function outcomeOf(context: ProgramContext, api: string, errorCode: number): 'ok' | 'refused' | 'unknown' {
  if (errorCode === ErrorCode.NONE) return 'ok';
  context.note(`${api}: ${errorName(errorCode)}`);
  if (errorCode === ErrorCode.UNKNOWN_SERVER_ERROR) {
    context.onViolation('server-error', `${api} was answered with UNKNOWN_SERVER_ERROR`);
  }
  return UNCERTAIN.has(errorCode) ? 'unknown' : 'refused';
}

/** So few that most records are replaced soon. */
const KEYS = 12;
const TOMBSTONE_ONE_IN = 6;
/** Where a record without a value says who it is. */
const ID_HEADER = 'id';
const SIZES = [0, 10, 10, 60, 60, 300, 1_500, 5_000, 12_000];

/** Values that say who they are: `<id>:<filler>`. */
export class ValueMaker {
  readonly #dice: Dice;
  readonly #name: string;
  readonly #sizes: readonly number[];
  #count = 0;

  constructor({ process, dice }: ProgramContext, suffix = '', sizes: readonly number[] = SIZES) {
    this.#sizes = sizes;
    this.#dice = dice;
    this.#name = `${process.name}${suffix}`;
  }

  next(): { value: Buffer; sent: SentRecord } {
    const id = `${this.#name}-${this.#count++}`;
    const bytes = this.#dice.pick(this.#sizes);
    const letter = String.fromCharCode(97 + this.#dice.below(26));
    const value = Buffer.from(`${id}:${letter.repeat(bytes)}`);
    return { value, sent: { id, digest: digestOf(value) } };
  }

  some(topic: KnownTopic, countMax: number, timestampMs: number): { records: RecordToBuild[]; sent: SentRecord[] } {
    const made = Array.from({ length: 1 + this.#dice.below(countMax) }, () =>
      isKeyed(topic) ? this.#keyed() : this.#unkeyed(),
    );
    return { records: made.map(({ record }) => ({ ...record, timestampMs })), sent: made.map(({ sent }) => sent) };
  }

  #unkeyed(): { record: RecordToBuild; sent: SentRecord } {
    const { value, sent } = this.next();
    return { record: { key: null, value }, sent };
  }

  #keyed(): { record: RecordToBuild; sent: SentRecord } {
    const { value, sent } = this.next();
    const key = `key ${this.#dice.below(KEYS)}`;
    if (!this.#dice.oneIn(TOMBSTONE_ONE_IN)) {
      return { record: { key: Buffer.from(key), value }, sent: { ...sent, key } };
    }
    const headers = [{ key: ID_HEADER, value: Buffer.from(`${sent.id}:`) }];
    return {
      record: { key: Buffer.from(key), value: null, headers },
      sent: { id: sent.id, digest: digestOf(NOTHING), key, isTombstone: true },
    };
  }
}

const NOTHING = Buffer.alloc(0);

/** What a reader writes down of a record. */
export function readingOf({ offset, key, value, headers }: ReadRecord): FetchedRecord {
  const name = value ?? headers.find((header) => header.key === ID_HEADER)?.value ?? null;
  const reading = { offset, id: idOf(name), digest: digestOf(value ?? NOTHING) };
  return key === null ? reading : { ...reading, key: key.toString() };
}

export function idOf(value: Buffer | null): string {
  const text = value?.toString('latin1', 0, 80) ?? '';
  const colon = text.indexOf(':');
  return colon < 0 ? `nobody's ${JSON.stringify(text)}` : text.slice(0, colon);
}

function digestOf(value: Buffer): string {
  return `${value.length}/${crc32c(value).toString(16)}`;
}

/** A record of a value that says who it is. */
export function namedValue(id: string): { value: Buffer; sent: SentRecord } {
  const value = Buffer.from(`${id}:`);
  return { value, sent: { id, digest: digestOf(value) } };
}

/** A topic to work with, or undefined while there is none. */
export function someTopic({ dice, topics }: ProgramContext): KnownTopic | undefined {
  const living = topics.filter(({ doomed }) => !doomed);
  return living.length === 0 ? undefined : dice.pick(living);
}
