// One partition of `__consumer_offsets` and the groups it is in charge of: their machines and their committed offsets, run by
// the shell that coordinators share (coordinator/shard.ts).
import type { ReplayedRecord } from '../coordinator/coordinator-log.ts';
import type { BatchProducer } from '../coordinator/effects.ts';
import { CoordinatorShard, type MarkerResult } from '../coordinator/shard.ts';
import type { Configs } from '../metadata/configs/configs.ts';
import type { Metadata } from '../metadata/image.ts';
import type { EndMarker } from '../partition/end-marker.ts';
import type { Partition } from '../partition/partition.ts';
import { recordType } from '../protocol/coordinator-record.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import type { Compression } from '../records/compression-type.ts';
import { ControlType } from '../records/control-batch.ts';
import type { Clock, LogLines, Timers } from '../runtime/runtime.ts';
import type { CommitTicket, Storage } from '../storage/storage.ts';
import type { Become, CoordinatorRecord, Effect, Reply } from './effects.ts';
import type { Group, GroupKinds } from './group-kinds.ts';
import { Groups } from './groups.ts';
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

/** Records of the types 0 and 1 are of offsets, the others of groups. */
const OFFSET_RECORD_TYPE_MAX = 1;

export class GroupShard {
  readonly groups: Groups;
  #offsets = new CommittedOffsets();
  readonly #surroundings: ShardSurroundings;
  readonly #shell: CoordinatorShard<Become>;

  constructor(partition: Partition, surroundings: ShardSurroundings) {
    const { configs, kinds } = surroundings;
    this.groups = new Groups(kinds);
    this.#surroundings = surroundings;
    this.#shell = new CoordinatorShard<Become>(
      partition,
      {
        word: 'group',
        compression: () => configs.broker.offsetsTopicCompressionCodec as Compression,
        commitTimeoutMs: () => configs.broker.offsetsCommitTimeoutMs,
        clear: () => this.#clear(),
        replay: (record, nowMs) => this.#replay(record, nowMs),
        replayMarker: (marker) => this.#end(marker),
        loaded: (nowMs) => this.#loaded(nowMs),
        timer: (groupId, key, nowMs) => this.groups.get(groupId)?.timer(key, nowMs),
        perform: (_, { machine }) => {
          this.#shell.cancelTimers(machine.groupId);
          this.groups.put(machine as Group);
        },
      },
      surroundings,
    );
  }

  get partition(): Partition {
    return this.#shell.partition;
  }

  get offsets(): CommittedOffsets {
    return this.#offsets;
  }

  /** NONE, or why it takes no requests. */
  get errorCode(): number {
    return this.#shell.errorCode;
  }

  /** When it is committed, so is everything that the groups are now. */
  get ticket(): CommitTicket {
    return this.#shell.ticket;
  }

  get isEmptyLog(): boolean {
    return this.#shell.isEmptyLog;
  }

  /** An empty partition is loaded when this returns; otherwise the promise says when, and how many records. Never rejects. */
  load(): Promise<number> {
    return this.#shell.load();
  }

  call<Response>({ groupId = '', reads = false, reply, refused, step }: GroupCall<Response>): void {
    this.#shell.call({ id: groupId, reads, reply, refused, step: (to, nowMs) => step(this, to, nowMs) });
  }

  /** Performs what a step of this group's machine asked for. */
  perform(groupId: string, effects: readonly Effect[]): void {
    this.#shell.perform(groupId, effects);
  }

  /** Appends what needs not be atomic with anything, such as tombstones of offsets; nothing while the disk is full. */
  appendLoosely(records: readonly CoordinatorRecord[]): void {
    this.#shell.appendLoosely(records);
  }

  /**
   * Appends offsets of a transaction, before anything here tells of them. NONE, or why the log refuses the producer, which
   * changes nothing.
   */
  appendPending(records: readonly CoordinatorRecord[], producer: BatchProducer): number {
    return this.#shell.appendFirst(records, producer);
  }

  /** The transaction's offsets become the groups', or are gone. COORDINATOR_LOAD_IN_PROGRESS, or why the log refuses it. */
  writeMarker(marker: EndMarker): MarkerResult {
    const result = this.#shell.appendMarker(marker);
    if (result.errorCode === ErrorCode.NONE) this.#end(marker);
    return result;
  }

  /** The group is gone: its records were or will be removed by the caller. */
  forget(groupId: string): void {
    this.#shell.cancelTimers(groupId);
    this.groups.remove(groupId);
  }

  /** Everything that waits is told to look for the coordinator elsewhere. */
  close(): void {
    this.#shell.close();
  }

  #end({ producerId, type }: Pick<EndMarker, 'producerId' | 'type'>): void {
    this.#offsets.endTransaction(producerId, type === ControlType.COMMIT);
  }

  // ---- loading

  #clear(): void {
    this.#offsets = new CommittedOffsets();
    this.groups.clear();
  }

  #replay({ key, value, producer }: ReplayedRecord, nowMs: number): void {
    const type = recordType(key);
    if (type > OFFSET_RECORD_TYPE_MAX) {
      this.groups.replay({ key, value }, nowMs);
      return;
    }
    const groupId = this.#offsets.replay(type, key, value, producer?.producerId);
    if (groupId !== undefined) this.groups.simple(groupId, nowMs);
  }

  #loaded(nowMs: number): void {
    for (const groupId of this.#offsets.groupIds()) this.groups.simple(groupId, nowMs);
    this.#dropOffsetsOfLostTopics();
    for (const group of [...this.groups.all()]) this.#shell.take(group.groupId, () => group.loaded(nowMs));
  }

  /** Topics that were deleted while nobody could write it down. */
  #dropOffsetsOfLostTopics(): void {
    const { topicsById } = this.#surroundings.metadata.image;
    this.appendLoosely(this.#offsets.deleteLost((topicId) => !topicsById.has(topicId)));
  }
}
