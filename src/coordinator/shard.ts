// One partition of a coordinator's topic and the machines it is in charge of. The shell around pure machines: it performs the
// effects of each step: one atomic batch in the log, timers, and answers, which are sent when everything appended so
// far is committed, so that nobody is told what a crash could take back.
//
//     loading ──► active ──► closed            an append that is refused, a step that throws: back to loading, since
//        ▲──────────┘                          the machines already are where the log will never be
//
// Invariants: at most one step at a time, no step while loading; a request is answered once, whatever happens.
import type { Configs } from '../metadata/configs/configs.ts';
import type { EndMarker } from '../partition/end-marker.ts';
import type { Partition } from '../partition/partition.ts';
import { ErrorCode, errorName } from '../protocol/error-code.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Compression } from '../records/compression-type.ts';
import type { Clock, LogLines, Timer, Timers } from '../runtime/runtime.ts';
import type { CommitTicket, Storage } from '../storage/storage.ts';
import { AwaitedCommits } from './awaited-commits.ts';
import { batchOf, chunksOf, type ReplayedMarker, type ReplayedRecord, replayLog } from './coordinator-log.ts';
import type { BatchProducer, CoordinatorRecord, Reply, ShellEffect } from './effects.ts';
import { MachineTimers } from './machine-timers.ts';

export interface ShellSurroundings {
  readonly configs: Pick<Configs, 'topic'>;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: LogLines;
}

/** What the machines of a shard are; the shell knows them only by this. `Own` are effects that it hands back. */
export interface ShardContent<Own> {
  /** For log lines, in the singular. */
  readonly word: string;
  /** How the log's batches are compressed. */
  readonly compression: () => Compression;
  /** A commit that takes longer is answered before it is known how it ended. */
  readonly commitTimeoutMs: () => number;
  /** The log is going to be replayed from its start. */
  clear(): void;
  /** A ProtocolError passes the record over. */
  replay(record: ReplayedRecord, nowMs: number): void;
  replayMarker(marker: ReplayedMarker, nowMs: number): void;
  /** Everything is replayed and the shard takes steps: what follows from it may be written, timers be armed. */
  loaded(nowMs: number): void;
  /** Undefined when the machine is gone. */
  timer(id: string, key: string, nowMs: number): readonly (ShellEffect | Own)[] | undefined;
  /** In the order of the step's effects, after its records were appended. */
  perform(id: string, effect: Own): void;
}

/** A request of a client. */
export interface ShardCall<Response, Own> {
  /** Whose timers the effects name; empty when there are none. */
  readonly id: string;
  readonly reply: (response: Response) => void;
  /** The answer that carries an error of the coordinator itself. */
  readonly refused: (errorCode: number) => Response;
  /** Runs the request: synchronous, answers by its effects. */
  readonly step: (to: Reply<Response>, nowMs: number) => readonly (ShellEffect | Own)[];
  /** Never appends: goes on while the disk is full. */
  readonly reads: boolean;
}

export interface MarkerResult {
  readonly errorCode: ErrorCode;
  /** When it is committed, so is the marker. */
  readonly ticket: CommitTicket | undefined;
}

/** A request from its arrival to its answer. */
interface Pending {
  readonly refuse: (errorCode: number) => void;
}

const NOTHING_LOADED = Promise.resolve(0);
const RELOAD_MS = 5_000;
/** What a timer had to do while the disk was full is tried again. */
const TIMER_RETRY_MS = 1_000;
/** Batches of what needs not be atomic. */
const LOOSE_BATCH_BYTES = 256 * 1024;

export class CoordinatorShard<Own extends { readonly type: string } = never> {
  readonly partition: Partition;
  readonly #content: ShardContent<Own>;
  readonly #surroundings: ShellSurroundings;
  readonly #timers: MachineTimers;
  readonly #pending = new Set<Pending>();
  readonly #awaited: AwaitedCommits<Pending>;
  #state: 'loading' | 'active' | 'closed' = 'loading';
  #ticket: CommitTicket = -1;
  /** The request whose step is taken now: what goes wrong is its fault, and nobody else's. */
  #current: Pending | undefined;
  #retry: Timer | undefined;
  /** While what follows from loading is written down. */
  #settling = false;

  constructor(partition: Partition, content: ShardContent<Own>, surroundings: ShellSurroundings) {
    this.partition = partition;
    this.#content = content;
    this.#surroundings = surroundings;
    this.#timers = new MachineTimers(surroundings.timers, (id, key) => this.#timer(id, key));
    this.#awaited = new AwaitedCommits(surroundings, ({ refuse }) => refuse(ErrorCode.COORDINATOR_NOT_AVAILABLE));
  }

  /** NONE, or why it takes no requests. */
  get errorCode(): ErrorCode {
    if (this.#state === 'loading') return ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
    return this.#state === 'active' ? ErrorCode.NONE : ErrorCode.NOT_COORDINATOR;
  }

  /** The same for a step that writes. */
  get writeErrorCode(): ErrorCode {
    return this.errorCode === ErrorCode.NONE && !this.#surroundings.storage.writable ? DISK_FULL : this.errorCode;
  }

  /** When it is committed, so is everything that the machines are now. */
  get ticket(): CommitTicket {
    return this.#ticket;
  }

  get isEmptyLog(): boolean {
    return this.partition.logStartOffset === this.partition.logEndOffset;
  }

  /** An empty partition is loaded when this returns; otherwise the promise says when, and how many records. Never rejects. */
  load(): Promise<number> {
    if (this.#state !== 'loading' || !this.isEmptyLog) return this.#load();
    this.#state = 'active';
    return NOTHING_LOADED;
  }

  call<Response>({ id, reply, refused, step, reads }: ShardCall<Response, Own>): void {
    const errorCode = reads ? this.errorCode : this.writeErrorCode;
    if (errorCode !== ErrorCode.NONE) {
      reply(refused(errorCode));
      return;
    }
    const pending: Pending = {
      refuse: (code) => {
        if (this.#pending.delete(pending)) reply(refused(code));
      },
    };
    this.#pending.add(pending);
    const to = Object.assign(
      (response: Response) => {
        if (this.#pending.delete(pending)) reply(response);
      },
      { pending },
    );
    this.#current = pending;
    this.take(id, () => step(to, this.#surroundings.clock.nowMs()));
    this.#current = undefined;
  }

  /**
   * A step that no request waits for. One that throws, which is a bug, may have left its machine anywhere; the broker goes
   * on with the others. Returns what `perform` does.
   */
  take(id: string, step: () => readonly (ShellEffect | Own)[]): ErrorCode {
    try {
      return this.perform(id, step());
    } catch (error) {
      this.#surroundings.log.error(
        `A step of a ${this.#content.word} failed; the ${this.#content.word}s are loaded again`,
        {
          partition: this.partition.id.partition,
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        },
      );
      this.#reload(ErrorCode.UNKNOWN_SERVER_ERROR);
      return ErrorCode.UNKNOWN_SERVER_ERROR;
    }
  }

  /** Performs what a step of this machine asked for. NONE, or why it could not be. */
  perform(id: string, effects: readonly (ShellEffect | Own)[]): ErrorCode {
    if (this.#state !== 'active') return this.errorCode;
    const appends = (effects as readonly ShellEffect[]).filter(({ type }) => type === 'append') as readonly Append[];
    if (appends.length > 0) {
      const records = appends.flatMap((append) => append.records);
      const errorCode = records.length > 0 ? this.#append(records, appends[0]?.producer) : ErrorCode.NONE;
      if (errorCode !== ErrorCode.NONE) return errorCode;
    }
    const replies: (() => void)[] = [];
    const pending: Pending[] = [];
    for (const each of effects) {
      const effect = each as ShellEffect;
      if (effect.type === 'append') continue;
      else if (effect.type === 'timer') this.#timers.arm(id, effect.key, effect.afterMs);
      else if (effect.type === 'cancel') this.#timers.cancel(id, effect.key);
      else if (effect.type === 'reply') {
        replies.push(() => effect.to(effect.response));
        const known = (effect.to as Partial<{ pending: Pending }>).pending;
        if (known !== undefined) pending.push(known);
      } else this.#content.perform(id, each as Own);
    }
    if (replies.length > 0) this.#answer(replies, pending);
    return ErrorCode.NONE;
  }

  /**
   * Appends what needs not be atomic with anything, such as tombstones of offsets. With a full disk nothing is: what such
   * records say is found out again when the shard is loaded.
   */
  appendLoosely(records: readonly CoordinatorRecord[]): void {
    const { storage, configs } = this.#surroundings;
    if (!storage.writable) return;
    const bytesMax = Math.min(LOOSE_BATCH_BYTES, configs.topic(this.partition.id.topic).maxMessageBytes / 2);
    for (const chunk of chunksOf(records, bytesMax)) if (this.#append(chunk) !== ErrorCode.NONE) return;
  }

  /**
   * For a step whose records the log may refuse for what a client did, such as a producer of an old epoch: called before
   * the machine changes, and nothing changes when it is refused. NONE, or what the client is told.
   */
  appendFirst(records: readonly CoordinatorRecord[], producer: BatchProducer): ErrorCode {
    const batch = batchOf(records, this.#surroundings.clock.nowMs(), this.#content.compression(), producer);
    const { errorCode, ticket } = this.partition.append(batch, { acks: -1, origin: 'coordinator' });
    if (errorCode !== ErrorCode.NONE) return answerFor(errorCode);
    this.#ticket = ticket ?? this.#ticket;
    return ErrorCode.NONE;
  }

  /** The end of a producer's transaction in this log; when it is refused nothing changes, otherwise the caller's machines follow. */
  appendMarker(marker: EndMarker): MarkerResult {
    if (this.errorCode !== ErrorCode.NONE) return { errorCode: this.errorCode, ticket: undefined };
    const { errorCode, ticket } = this.partition.appendMarker(marker);
    if (errorCode === ErrorCode.NONE) this.#ticket = ticket ?? this.#ticket;
    return { errorCode, ticket };
  }

  /** The machine is gone or another one's turn has come. */
  cancelTimers(id: string): void {
    this.#timers.cancelAll(id);
  }

  /** Everything that waits is told to look for the coordinator elsewhere. */
  close(): void {
    this.#state = 'closed';
    this.#discard(ErrorCode.NOT_COORDINATOR);
  }

  #timer(id: string, key: string): void {
    if (this.#state !== 'active') return;
    const { storage, clock } = this.#surroundings;
    if (!storage.writable) this.#timers.arm(id, key, TIMER_RETRY_MS);
    else this.take(id, () => this.#content.timer(id, key, clock.nowMs()) ?? []);
  }

  #append(records: readonly CoordinatorRecord[], producer?: BatchProducer): ErrorCode {
    const { clock, log } = this.#surroundings;
    const batch = batchOf(records, clock.nowMs(), this.#content.compression(), producer);
    const result = this.partition.append(batch, { acks: -1, origin: 'coordinator' });
    if (result.errorCode === ErrorCode.NONE) {
      this.#ticket = result.ticket ?? this.#ticket;
      return ErrorCode.NONE;
    }
    const { word } = this.#content;
    log.warn(`A change of a ${word} cannot be written; the ${word}s are loaded again`, {
      partition: this.partition.id.partition,
      error: errorName(result.errorCode),
    });
    const answer = answerFor(result.errorCode);
    this.#reload(answer);
    return answer;
  }

  /**
   * `errorCode` is for the request that did it. UNKNOWN_SERVER_ERROR ends consumers for good, so the others that wait are
   * told what makes them come again.
   */
  #reload(errorCode: number): void {
    if (this.#state !== 'active') return;
    const { timers, storage } = this.#surroundings;
    this.#state = 'loading';
    this.#current?.refuse(errorCode);
    this.#discard(errorCode === ErrorCode.UNKNOWN_SERVER_ERROR ? ErrorCode.NOT_COORDINATOR : errorCode);
    // What is refused right after loading would be refused again.
    this.#retry = timers.set(this.#settling || !storage.writable ? RELOAD_MS : 0, () => void this.#load());
  }

  #discard(errorCode: number): void {
    this.#timers.close();
    this.#retry?.cancel();
    this.#awaited.clear();
    for (const { refuse } of [...this.#pending]) refuse(errorCode);
  }

  /** One callback per step. */
  #answer(replies: readonly (() => void)[], pending: readonly Pending[]): void {
    this.#awaited.await(this.#ticket, this.#content.commitTimeoutMs(), replies, pending);
  }

  // ---- loading

  async #load(): Promise<number> {
    const { storage, log, timers } = this.#surroundings;
    // What was appended before the reload counts too.
    await new Promise<void>((resolve) => storage.whenCommitted(this.#ticket, resolve));
    if (this.#state !== 'loading') return 0;
    this.#content.clear();
    try {
      const records = await this.#replay();
      if (this.#state === 'loading') this.#loaded();
      return records;
    } catch (error) {
      if (this.#state !== 'loading') return 0;
      log.error(`The ${this.#content.word}s cannot be loaded`, {
        partition: this.partition.id.partition,
        reason: (error as Error).message,
      });
      this.#retry = timers.set(RELOAD_MS, () => void this.#load());
      return 0;
    }
  }

  #replay(): Promise<number> {
    const { clock, timers } = this.#surroundings;
    const nowMs = clock.nowMs();
    return replayLog({
      partition: this.partition,
      timers,
      stopped: () => this.#state !== 'loading',
      marker: (marker) => this.#content.replayMarker(marker, nowMs),
      record: (record) => {
        try {
          this.#content.replay(record, nowMs);
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
          this.#passedOver(error);
        }
      },
    });
  }

  #passedOver(error: ProtocolError): void {
    this.#surroundings.log.warn(`A ${this.#content.word} record cannot be read and is passed over`, {
      partition: this.partition.id.partition,
      reason: error.message,
    });
  }

  #loaded(): void {
    this.#state = 'active';
    this.#settling = true;
    this.#content.loaded(this.#surroundings.clock.nowMs());
    this.#settling = false;
  }
}

type Append = Extract<ShellEffect, { readonly type: 'append' }>;

/** What Kafka's coordinators make of a refused append (CoordinatorOperationExceptionHelper, TransactionStateManager). */
function answerFor(errorCode: ErrorCode): ErrorCode {
  switch (errorCode) {
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.NOT_ENOUGH_REPLICAS:
    case ErrorCode.REQUEST_TIMED_OUT:
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
    case ErrorCode.KAFKA_STORAGE_ERROR:
      return ErrorCode.NOT_COORDINATOR;
    case ErrorCode.MESSAGE_TOO_LARGE:
    case ErrorCode.RECORD_LIST_TOO_LARGE:
      return ErrorCode.UNKNOWN_SERVER_ERROR;
    default:
      return errorCode;
  }
}

const DISK_FULL = answerFor(ErrorCode.KAFKA_STORAGE_ERROR);
