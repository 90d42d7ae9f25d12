// One partition of `__consumer_offsets` and the groups it is in charge of. The shell around the pure machines: it performs
// the effects of each step: one atomic batch in the log, timers, and answers, which are sent when everything appended so
// far is committed, so that nobody is told what a crash could take back.
//
//     loading ──► active ──► closed            an append that is refused, a step that throws: back to loading, since
//        ▲──────────┘                          the machines already are where the log will never be
//
// Invariants: at most one step at a time, no step while loading; a request is answered once, whatever happens.
import type { Configs } from '../metadata/configs/configs.ts';
import type { Metadata } from '../metadata/image.ts';
import type { Partition } from '../partition/partition.ts';
import { recordType } from '../protocol/coordinator-record.ts';
import { ErrorCode, errorName } from '../protocol/error-code.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import type { Compression } from '../records/compression-type.ts';
import type { Clock, LogLines, Timer, Timers } from '../runtime/runtime.ts';
import type { CommitTicket, Storage } from '../storage/storage.ts';
import type { CoordinatorRecord, Effect, Reply } from './effects.ts';
import type { Group, GroupKinds } from './group-kinds.ts';
import { batchOf, chunksOf, replayLog } from './group-log.ts';
import { GroupTimers } from './group-timers.ts';
import { Groups } from './groups.ts';
import type { GroupMachine } from './machine.ts';
import { CommittedOffsets } from './offsets.ts';

export interface ShardSurroundings {
  readonly metadata: Metadata;
  readonly configs: Pick<Configs, 'broker' | 'topic'>;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: LogLines;
  readonly kinds: GroupKinds;
}

/** A request from its arrival to its answer. */
interface Pending {
  readonly refuse: (errorCode: number) => void;
}

/** An answer that waits for a commit. */
interface AwaitedCommit {
  readonly dueAtMs: number;
  readonly pending: readonly Pending[];
  committed: boolean;
}

/** What a shard answers; `refused` is the answer that carries an error of the coordinator itself. */
export interface GroupCall<Response> {
  readonly reply: (response: Response) => void;
  readonly refused: (errorCode: number) => Response;
  /** Runs the request: synchronous, answers by its effects. */
  readonly step: (shard: GroupShard, to: Reply<Response>, nowMs: number) => readonly Effect[];
  /** Whose timers the effects name; absent when there are none. */
  readonly groupId?: string;
  /** Never appends: goes on while the disk is full. */
  readonly reads?: boolean;
}

const NOTHING_LOADED = Promise.resolve(0);
const RELOAD_MS = 5_000;
/** What a timer had to do while the disk was full is tried again. */
const TIMER_RETRY_MS = 1_000;
/** Batches of tombstones, which need not be atomic. */
const TOMBSTONES_BATCH_BYTES = 256 * 1024;

export class GroupShard {
  readonly partition: Partition;
  readonly groups: Groups;
  #offsets = new CommittedOffsets();
  readonly #surroundings: ShardSurroundings;
  readonly #timers: GroupTimers;
  readonly #pending = new Set<Pending>();
  #awaited: AwaitedCommit[] = [];
  #awaitedTimer: Timer | undefined;
  #state: 'loading' | 'active' | 'closed' = 'loading';
  #ticket: CommitTicket = -1;
  /** The request whose step is taken now: what goes wrong is its fault, and nobody else's. */
  #current: Pending | undefined;
  #retry: Timer | undefined;
  /** While what follows from loading is written down. */
  #settling = false;

  constructor(partition: Partition, surroundings: ShardSurroundings) {
    this.partition = partition;
    this.groups = new Groups(surroundings.kinds);
    this.#surroundings = surroundings;
    this.#timers = new GroupTimers(surroundings.timers, (groupId, key) => this.#timer(groupId, key));
  }

  get offsets(): CommittedOffsets {
    return this.#offsets;
  }

  /** NONE, or why it takes no requests. */
  get errorCode(): number {
    if (this.#state === 'loading') return ErrorCode.COORDINATOR_LOAD_IN_PROGRESS;
    return this.#state === 'active' ? ErrorCode.NONE : ErrorCode.NOT_COORDINATOR;
  }

  /** When it is committed, so is everything that the groups are now. */
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

  call<Response>(call: GroupCall<Response>): void {
    const { reply, refused, step } = call;
    const { storage, clock } = this.#surroundings;
    const errorCode =
      this.errorCode === ErrorCode.NONE && !call.reads && !storage.writable ? DISK_FULL : this.errorCode;
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
    this.#take(call.groupId ?? '', () => step(this, to, clock.nowMs()));
    this.#current = undefined;
  }

  /** A step that throws, which is a bug, may have left its machine anywhere; the broker goes on with the others. */
  #take(groupId: string, step: () => readonly Effect[]): void {
    try {
      this.perform(groupId, step());
    } catch (error) {
      this.#surroundings.log.error('A step of a group failed; the groups are loaded again', {
        partition: this.partition.id.partition,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
      this.#reload(ErrorCode.UNKNOWN_SERVER_ERROR);
    }
  }

  /** Performs what a step of this group's machine asked for. */
  perform(groupId: string, effects: readonly Effect[]): void {
    if (this.#state !== 'active') return;
    const records = effects.flatMap((effect) => (effect.type === 'append' ? effect.records : []));
    if (records.length > 0 && !this.#append(records)) return;
    const replies: (() => void)[] = [];
    const pending: Pending[] = [];
    for (const effect of effects) {
      if (effect.type === 'timer') this.#timers.arm(groupId, effect.key, effect.afterMs);
      else if (effect.type === 'cancel') this.#timers.cancel(groupId, effect.key);
      else if (effect.type === 'become') this.#become(effect.machine);
      else if (effect.type === 'reply') {
        replies.push(() => effect.to(effect.response));
        const known = (effect.to as Partial<{ pending: Pending }>).pending;
        if (known !== undefined) pending.push(known);
      }
    }
    if (replies.length > 0) this.#answer(replies, pending);
  }

  /**
   * Appends what needs not be atomic with anything, such as tombstones of offsets. With a full disk nothing is: what such
   * records say is found out again when the shard is loaded.
   */
  appendLoosely(records: readonly CoordinatorRecord[]): void {
    const { storage, configs } = this.#surroundings;
    if (!storage.writable) return;
    const bytesMax = Math.min(TOMBSTONES_BATCH_BYTES, configs.topic(this.partition.id.topic).maxMessageBytes / 2);
    for (const chunk of chunksOf(records, bytesMax)) if (!this.#append(chunk)) return;
  }

  /** The group is gone: its records were or will be removed by the caller. */
  forget(groupId: string): void {
    this.#timers.cancelGroup(groupId);
    this.groups.remove(groupId);
  }

  /** Everything that waits is told to look for the coordinator elsewhere. */
  close(): void {
    this.#state = 'closed';
    this.#discard(ErrorCode.NOT_COORDINATOR);
  }

  #become(machine: GroupMachine): void {
    this.#timers.cancelGroup(machine.groupId);
    this.groups.put(machine as Group);
  }

  #timer(groupId: string, key: string): void {
    if (this.#state !== 'active') return;
    const { storage, clock } = this.#surroundings;
    const group = this.groups.get(groupId);
    if (group === undefined) return;
    if (!storage.writable) this.#timers.arm(groupId, key, TIMER_RETRY_MS);
    else this.#take(groupId, () => group.timer(key, clock.nowMs()));
  }

  #append(records: readonly CoordinatorRecord[]): boolean {
    const { configs, clock, log } = this.#surroundings;
    const compression = configs.broker.offsetsTopicCompressionCodec as Compression;
    const batch = batchOf(records, clock.nowMs(), compression);
    const result = this.partition.append(batch, { acks: -1, origin: 'coordinator' });
    if (result.errorCode === ErrorCode.NONE) {
      this.#ticket = result.ticket ?? this.#ticket;
      return true;
    }
    log.warn('A change of a group cannot be written; the groups are loaded again', {
      partition: this.partition.id.partition,
      error: errorName(result.errorCode),
    });
    this.#reload(answerFor(result.errorCode));
    return false;
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
    this.#awaitedTimer?.cancel();
    this.#awaitedTimer = undefined;
    this.#awaited = [];
    for (const { refuse } of [...this.#pending]) refuse(errorCode);
  }

  // ---- answers

  /**
   * One callback per step. A commit that takes longer than offsets.commit.timeout.ms is answered before it is known how
   * it ended.
   */
  #answer(replies: readonly (() => void)[], pending: readonly Pending[]): void {
    const { storage, clock, configs } = this.#surroundings;
    const awaited = { dueAtMs: 0, pending, committed: false };
    storage.whenCommitted(this.#ticket, () => {
      awaited.committed = true;
      while (this.#awaited[0]?.committed) this.#awaited.shift();
      for (const reply of replies) reply();
    });
    if (awaited.committed) return;
    awaited.dueAtMs = clock.monotonicMs() + configs.broker.offsetsCommitTimeoutMs;
    this.#awaited.push(awaited);
    if (this.#awaitedTimer === undefined) this.#armAwaited();
  }

  #armAwaited(): void {
    const { clock, timers } = this.#surroundings;
    const afterMs = Math.max(0, this.#awaited[0]!.dueAtMs - clock.monotonicMs());
    this.#awaitedTimer = timers.set(afterMs, () => {
      this.#awaitedTimer = undefined;
      const nowMs = clock.monotonicMs();
      while (this.#awaited.length > 0 && this.#awaited[0]!.dueAtMs <= nowMs) {
        for (const { refuse } of this.#awaited.shift()!.pending) refuse(ErrorCode.COORDINATOR_NOT_AVAILABLE);
      }
      if (this.#awaited.length > 0) this.#armAwaited();
    });
  }

  // ---- loading

  async #load(): Promise<number> {
    const { storage, log, timers } = this.#surroundings;
    // What was appended before the reload counts too.
    await new Promise<void>((resolve) => storage.whenCommitted(this.#ticket, resolve));
    if (this.#state !== 'loading') return 0;
    this.#offsets = new CommittedOffsets();
    this.groups.clear();
    try {
      const records = await this.#replay();
      if (this.#state === 'loading') this.#loaded();
      return records;
    } catch (error) {
      if (this.#state !== 'loading') return 0;
      log.error('Groups cannot be loaded', {
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
      record: (key, value) => {
        try {
          const type = recordType(key);
          if (type === 0 || type === 1) this.#offsets.replay(type, key, value);
          else this.groups.replay({ key, value }, nowMs);
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
          this.#passedOver(error);
        }
      },
    });
  }

  #passedOver(error: ProtocolError): void {
    const { partition } = this.partition.id;
    this.#surroundings.log.warn('A group record cannot be read and is passed over', {
      partition,
      reason: error.message,
    });
  }

  #loaded(): void {
    const { clock } = this.#surroundings;
    const nowMs = clock.nowMs();
    for (const groupId of this.#offsets.groupIds()) this.groups.simple(groupId, nowMs);
    this.#state = 'active';
    this.#settling = true;
    this.#dropOffsetsOfLostTopics();
    for (const group of [...this.groups.all()]) this.#take(group.groupId, () => group.loaded(nowMs));
    this.#settling = false;
  }

  /** Topics that were deleted while nobody could write it down. */
  #dropOffsetsOfLostTopics(): void {
    const { topicsById } = this.#surroundings.metadata.image;
    this.appendLoosely(this.#offsets.deleteLost((topicId) => !topicsById.has(topicId)));
  }
}

/** What Kafka's coordinator makes of a refused append (CoordinatorOperationExceptionHelper). */
function answerFor(errorCode: number): number {
  switch (errorCode) {
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
    case ErrorCode.NOT_ENOUGH_REPLICAS:
    case ErrorCode.REQUEST_TIMED_OUT:
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    case ErrorCode.NOT_LEADER_OR_FOLLOWER:
    case ErrorCode.KAFKA_STORAGE_ERROR:
      return ErrorCode.NOT_COORDINATOR;
    default:
      return ErrorCode.UNKNOWN_SERVER_ERROR;
  }
}

const DISK_FULL = answerFor(ErrorCode.KAFKA_STORAGE_ERROR);
