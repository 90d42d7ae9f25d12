// The surroundings of partitions for tests: a storage that writes and commits when the test says so (or at once), the
// real fold of metadata, the real configs, a clock and timers that the test moves.
import { Configs } from '../metadata/configs/configs.ts';
import { emptyImage, fold } from '../metadata/fold.ts';
import type { Image, Metadata, MetadataChange, PartitionImage } from '../metadata/image.ts';
import { buildBatch } from '../records/build-batch.ts';
import type { Compression } from '../records/compression-type.ts';
import { readBatches } from '../records/read-batches.ts';
import * as batches from '../records/record-batch.ts';
import type { Clock, LogLines, Random, Timer, Timers } from '../runtime/runtime.ts';
import type { AbortedTransaction } from '../storage/aborted-index.ts';
import type {
  CommitTicket,
  LogConfig,
  LogRead,
  PartitionId,
  PartitionLog,
  PartitionState,
  Storage,
  TimestampAndOffset,
} from '../storage/storage.ts';
import { Partition } from './partition.ts';
import { Partitions } from './partitions.ts';

export const BROKER_ID = 1;

/** Time that stands still until the test moves it; timers run then, in order. */
export class ManualTime implements Clock, Timers {
  #nowMs = 1_700_000_000_000;
  #timers: { dueAtMs: number; callback: () => void }[] = [];
  /** By so much the wall clock is wrong. */
  clockErrorMs = 0;

  nowMs(): number {
    return this.#nowMs + this.clockErrorMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  set(delayMs: number, callback: () => void): Timer {
    const timer = { dueAtMs: this.#nowMs + delayMs, callback };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  defer(callback: () => void): void {
    this.set(0, callback);
  }

  get pendingTimers(): number {
    return this.#timers.length;
  }

  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.dueAtMs <= endMs).sort((a, b) => a.dueAtMs - b.dueAtMs)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#nowMs = Math.max(this.#nowMs, due.dueAtMs);
      due.callback();
    }
    this.#nowMs = endMs;
  }
}

export class SilentLog implements LogLines {
  readonly lines: string[] = [];

  info(message: string): void {
    this.lines.push(message);
  }

  warn(message: string): void {
    this.lines.push(message);
  }

  error(message: string): void {
    this.lines.push(message);
  }
}

/** 0, 1, 2 … within the limit. */
export class CountingRandom implements Random {
  #next = 0;

  bytes(count: number): Buffer {
    return Buffer.alloc(count, this.#next++);
  }

  below(limit: number): number {
    return this.#next++ % limit;
  }
}

/** `coldReads` turns reads into promises; `failReads` makes those reject. */
export class ManualStorage implements Storage {
  readonly logs = new Map<string, ManualLog>();
  writable = true;
  readonly uncleanStart = false;
  coldReads = false;
  failReads: Error | undefined;
  /** Commit at every append, as memory durability does. */
  readonly #commitsAtOnce: boolean;
  readonly #recovered: ReadonlyMap<string, Recovered>;
  #ticket: CommitTicket = 1;
  #written: CommitTicket = 0;
  #committed: CommitTicket = 0;
  #whenWritten: { ticket: CommitTicket; callback: () => void }[] = [];
  #whenCommitted: { ticket: CommitTicket; callback: () => void }[] = [];

  constructor(commitsAtOnce = false, recovered: ReadonlyMap<string, Recovered> = new Map()) {
    this.#commitsAtOnce = commitsAtOnce;
    this.#recovered = recovered;
  }

  openLog(id: PartitionId, config: LogConfig, state: PartitionState): PartitionLog {
    const log = new ManualLog(this, id, config, state);
    this.logs.set(`${id.topicId}/${id.partition}`, log);
    const recovered = this.#recovered.get(`${id.topicId}/${id.partition}`);
    if (recovered !== undefined) log.recover(recovered);
    return log;
  }

  get currentTicket(): CommitTicket {
    return this.#ticket;
  }

  whenWritten(ticket: CommitTicket, callback: () => void): void {
    if (ticket <= this.#written) callback();
    else this.#whenWritten.push({ ticket, callback });
  }

  whenCommitted(ticket: CommitTicket, callback: () => void): void {
    if (ticket <= this.#committed) callback();
    else this.#whenCommitted.push({ ticket, callback });
  }

  /** Everything appended so far is written, not yet durable. */
  write(): void {
    this.#written = this.#ticket;
    this.#ticket++;
    this.#whenWritten = run(this.#whenWritten, this.#written);
  }

  /** Everything appended so far is durable. */
  commit(): void {
    this.write();
    this.#committed = this.#written;
    for (const log of this.logs.values()) log.commit();
    this.#whenCommitted = run(this.#whenCommitted, this.#committed);
  }

  changed(): CommitTicket {
    const ticket = this.#ticket;
    if (this.#commitsAtOnce) this.commit();
    return ticket;
  }

  discardUnopened(): void {}

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function run(
  waiting: { ticket: CommitTicket; callback: () => void }[],
  upTo: CommitTicket,
): { ticket: CommitTicket; callback: () => void }[] {
  for (const { ticket, callback } of waiting) if (ticket <= upTo) callback();
  return waiting.filter(({ ticket }) => ticket > upTo);
}

/** What a restart finds: batches up to a commit, and the checkpoint some of them are behind. */
export interface Recovered {
  readonly snapshot: Uint8Array | undefined;
  readonly batchesInSnapshot: number;
  readonly batches: readonly Buffer[];
}

export class ManualLog implements PartitionLog {
  readonly id: PartitionId;
  config: LogConfig;
  readonly compactions = 0;
  startOffset = 0;
  endOffset = 0;
  committedOffset = 0;
  deleted = false;
  readonly batches: Buffer[] = [];
  readonly state: PartitionState;
  readonly #storage: ManualStorage;

  constructor(storage: ManualStorage, id: PartitionId, config: LogConfig, state: PartitionState) {
    this.#storage = storage;
    this.id = id;
    this.config = config;
    this.state = state;
  }

  get sizeBytes(): number {
    return this.batches.reduce((sum, batch) => sum + batch.length, 0);
  }

  recover(recovered: Recovered): void {
    if (recovered.snapshot !== undefined) this.state.restore(recovered.snapshot);
    recovered.batches.forEach((batch, index) => {
      this.batches.push(batch);
      this.endOffset = batches.nextOffset(batch, 0);
      if (index >= recovered.batchesInSnapshot) this.state.replayBatch(batch);
    });
    this.committedOffset = this.endOffset;
  }

  append(appended: readonly Buffer[]): CommitTicket {
    for (const batch of appended) {
      if (batches.baseOffset(batch, 0) < this.endOffset) throw new Error('an append goes back');
      this.batches.push(batch);
      this.endOffset = batches.nextOffset(batch, 0);
    }
    // Storage commits after the append returned: the partition has not counted the bytes yet.
    const ticket = this.#storage.currentTicket;
    queueMicrotask(() => {
      if (this.#storage.currentTicket === ticket) this.#storage.changed();
    });
    return ticket;
  }

  read(offset: number, maxBytes: number, limitOffset: number, atLeastOne: boolean): LogRead | Promise<LogRead> {
    if (offset < this.startOffset || offset > limitOffset) throw new Error('a read out of range');
    const parts: Buffer[] = [];
    let sizeBytes = 0;
    for (const batch of this.batches) {
      if (batches.nextOffset(batch, 0) <= offset) continue;
      if (batches.nextOffset(batch, 0) > limitOffset) break;
      const fits = sizeBytes + batch.length <= maxBytes;
      if (!fits && !(atLeastOne && parts.length === 0)) break;
      parts.push(batch);
      sizeBytes += batch.length;
    }
    const read = { parts, sizeBytes };
    if (this.#storage.failReads !== undefined) return Promise.reject(this.#storage.failReads);
    return this.#storage.coldReads ? Promise.resolve(read) : read;
  }

  findTimestamp(timestampMs: number, limitOffset: number): Promise<TimestampAndOffset | undefined> {
    return Promise.resolve(this.#records(limitOffset).find((record) => record.timestampMs >= timestampMs));
  }

  findMaxTimestamp(limitOffset: number): Promise<TimestampAndOffset | undefined> {
    const records = this.#records(limitOffset);
    const maxMs = Math.max(...records.map((record) => record.timestampMs));
    return Promise.resolve(records.find((record) => record.timestampMs === maxMs));
  }

  #records(limitOffset: number): TimestampAndOffset[] {
    return this.batches.flatMap((bytes) =>
      [...readBatches(bytes)].flatMap((batch) =>
        [...batch.records()]
          .filter((record) => record.offset >= this.startOffset && record.offset < limitOffset)
          .map(({ timestampMs, offset }) => ({ timestampMs, offset, leaderEpoch: batch.partitionLeaderEpoch })),
      ),
    );
  }

  /** What the test says is in files. */
  abortedInFiles: AbortedTransaction[] = [];

  readAborted(): Promise<AbortedTransaction[]> {
    const { failReads } = this.#storage;
    return failReads === undefined ? Promise.resolve(this.abortedInFiles) : Promise.reject(failReads);
  }

  moveStart(offset: number): CommitTicket {
    this.startOffset = offset;
    this.state.startMoved(offset);
    return this.#storage.changed();
  }

  commit(): void {
    if (this.committedOffset === this.endOffset) return;
    this.committedOffset = this.endOffset;
    this.state.committed(this.endOffset);
  }

  delete(): void {
    this.deleted = true;
  }
}

/** Metadata in memory; commits at once. */
export class ManualMetadata implements Metadata {
  image: Image = fold(emptyImage(), [{ type: 'cluster-created', clusterId: 'cccccccccccccccccccccA' }], 1);
  failure: Error | undefined;
  readonly #listeners: ((image: Image, before: Image) => void)[] = [];

  commit(decide: (image: Image) => readonly MetadataChange[]): Promise<Image> {
    const changes = decide(this.image);
    if (this.failure !== undefined) return Promise.reject(this.failure);
    this.apply(...changes);
    return Promise.resolve(this.image);
  }

  apply(...changes: readonly MetadataChange[]): void {
    if (changes.length === 0) return;
    const before = this.image;
    this.image = fold(before, changes, before.version + 1);
    for (const listener of this.#listeners) listener(this.image, before);
  }

  onChange(listener: (image: Image, before: Image) => void): void {
    this.#listeners.push(listener);
  }

  /** Whoever followed is gone, as after a crash. */
  stopListening(): void {
    this.#listeners.length = 0;
  }
}

export class PartitionWorld {
  readonly time = new ManualTime();
  readonly log = new SilentLog();
  readonly random = new CountingRandom();
  readonly metadata = new ManualMetadata();
  readonly storage: ManualStorage;
  readonly configs: Configs;
  readonly partitions: Partitions;
  /** Of the last restart. */
  restarted: ManualStorage | undefined;

  constructor(options: { commitsAtOnce?: boolean; brokerConfig?: Record<string, string> } = {}) {
    this.storage = new ManualStorage(options.commitsAtOnce ?? false);
    this.configs = new Configs({
      metadata: this.metadata,
      nodeId: BROKER_ID,
      staticValues: new Map(Object.entries(options.brokerConfig ?? {})),
    });
    this.partitions = new Partitions({
      metadata: this.metadata,
      configs: this.configs,
      storage: this.storage,
      clock: this.time,
      timers: this.time,
      brokerId: BROKER_ID,
    });
  }

  createTopic(
    name: string,
    options: { partitions?: number; configs?: Record<string, string>; leader?: number } = {},
  ): string {
    const id = topicIdOf(name);
    const leader = options.leader ?? BROKER_ID;
    const partition: PartitionImage = { leader, leaderEpoch: 0, replicas: [leader], isr: [leader] };
    this.metadata.apply(
      {
        type: 'topic-created',
        name,
        id,
        internal: name.startsWith('__'),
        partitions: Array(options.partitions ?? 1).fill(partition),
      },
      ...Object.entries(options.configs ?? {}).map(
        ([key, value]) => ({ type: 'config-set', resource: `topic:${name}`, name: key, value }) as const,
      ),
    );
    return id;
  }

  deleteTopic(name: string): void {
    this.metadata.apply({ type: 'topic-deleted', id: this.metadata.image.topics.get(name)!.id });
  }

  partition(name: string, index = 0): Partition {
    const partition = this.partitions.byName(name, index);
    if (partition === undefined) throw new Error(`${name}-${index} is not open`);
    return partition;
  }

  logOf(name: string, index = 0): ManualLog {
    const { topicId } = this.partition(name, index).id;
    return this.storage.logs.get(`${topicId}/${index}`)!;
  }

  /** The same partition as a broker would open it after a restart with what was committed. */
  restart(name: string, snapshot?: { bytes: Uint8Array; batches: number }): Partition {
    const before = this.partition(name);
    const log = this.logOf(name);
    const kept = log.batches.filter((batch) => batches.nextOffset(batch, 0) <= log.committedOffset);
    const recovered: Recovered = {
      snapshot: snapshot?.bytes,
      batchesInSnapshot: snapshot?.batches ?? 0,
      batches: kept,
    };
    const key = `${before.id.topicId}/${before.id.partition}`;
    const storage = new ManualStorage(false, new Map([[key, recovered]]));
    this.restarted = storage;
    const image = this.metadata.image.topics.get(name)!.partitions[0]!;
    return new Partition({ storage, clock: this.time }, before.id, this.configs.topic(name), {
      ...image,
      leaderEpoch: image.leaderEpoch + 1,
    });
  }
}

function topicIdOf(name: string): string {
  return Buffer.from(name.padEnd(16, '.').slice(0, 16)).toString('base64url');
}

export interface BatchOptions {
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly compression?: Compression;
  readonly timestampMs?: number;
  readonly isTransactional?: boolean;
}

/** A batch with one record per value, as a client sends it. */
export function batchOf(values: readonly string[], options: BatchOptions = {}): Buffer {
  const { timestampMs = 1_700_000_000_000, ...rest } = options;
  return buildBatch({
    ...rest,
    records: values.map((value) => ({ key: Buffer.from('k'), value: Buffer.from(value), timestampMs })),
  });
}
