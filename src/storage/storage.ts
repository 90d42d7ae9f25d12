// The contract between the engine and the partitions above it: logs of record batches by partition, made durable
// together by one commit loop. Storage knows offsets and bytes; producers, transactions, groups and requests are unknown here.
// Rules: see ARCHITECTURE.md, "The engine's rules".

import type { Region } from '../protocol/region-pool.ts';
import type { AbortedTransaction } from './aborted-index.ts';
import type { LastRecord } from './cleaning/filter-batch.ts';

/**
 * The number of a commit. `append` returns the one that will carry it; commits become durable in order, so "ticket n is
 * committed" means that everything appended up to n is.
 */
export type CommitTicket = number;

export type Durability = 'fsync' | 'os' | 'memory';

export interface Storage {
  /**
   * Opens or creates the log of a partition; called for each partition of the metadata image that this broker leads.
   * Restores `state` before it returns. Throws StorageError (DAMAGED) when durable batches of it are missing.
   */
  openLog(id: PartitionId, config: LogConfig, state: PartitionState): PartitionLog;
  /** Callback when everything up to `ticket` is written (acks=1). Called in ticket order; at once when already true. */
  whenWritten(ticket: CommitTicket, callback: () => void): void;
  /** Callback when everything up to `ticket` is durable as the durability setting says (acks=all). Order and immediacy as above. */
  whenCommitted(ticket: CommitTicket, callback: () => void): void;
  /** The ticket that an append made now would get. */
  readonly currentTicket: CommitTicket;
  /**
   * False while the disk is full, or so slow that too much waits for it, or the engine has failed: Produce answers
   * KAFKA_STORAGE_ERROR before append.
   */
  readonly writable: boolean;
  /**
   * True when the broker id ran over this directory before and did not stop cleanly: leader epochs must rise, durably,
   * before anything is served.
   */
  readonly uncleanStart: boolean;
  /**
   * Once, after `openLog` was called for every partition of the image: what else the checkpoint or the write-ahead log
   * speaks of belongs to deleted topics, and is forgotten together with its directory.
   */
  discardUnopened(): void;
  /** Flushes everything, writes a checkpoint, marks the stop as clean. */
  close(): Promise<void>;
}

export interface PartitionId {
  readonly topic: string;
  /** Unpadded url-safe base64 of the 16 bytes, as everywhere. */
  readonly topicId: string;
  readonly partition: number;
}

/** The topic configs that storage itself acts on; replaced as a whole when they change. Kafka's units. */
export interface LogConfig {
  readonly segmentBytes: number;
  readonly segmentMs: number;
  readonly segmentJitterMs: number;
  readonly segmentIndexBytes: number;
  readonly indexIntervalBytes: number;
  readonly retentionBytes: number;
  readonly retentionMs: number;
  readonly fileDeleteDelayMs: number;
  readonly cleanupPolicy: { readonly delete: boolean; readonly compact: boolean };
  /** With durability `os`: synced after so many records, before they are committed; and after so long. */
  readonly flushMessages: number;
  readonly flushMs: number;
  readonly minCleanableDirtyRatio: number;
  readonly minCompactionLagMs: number;
  readonly maxCompactionLagMs: number;
  readonly deleteRetentionMs: number;
}

/** The aborted transactions that a partition knows of, until storage has put them into files. See aborted-index.ts. */
export interface AbortedToStore {
  /** Files count only for markers below. */
  readonly indexedOffset: number;
  readonly count: number;
  /** A copy, as stored, of the entries whose marker is below `limitOffset`; undefined when there is none. */
  below(limitOffset: number): Buffer | undefined;
  /** Those with a marker below `offset` are durable in files; the next snapshot may leave them out. */
  indexed(offset: number): void;
}

export interface KeptFromCompaction {
  /** Below, every transaction is decided. */
  lastStableOffset(): number;
  /** By producer id: the batch that proves its last sequence, or its epoch, stays. A copy. */
  lastRecords(): ReadonlyMap<number, LastRecord>;
}

/** What a partition keeps in step with its log (producers, epochs, …). Implemented by partition/, called by storage/. */
export interface PartitionState {
  /** Absent: there never are any. */
  readonly aborted?: AbortedToStore;
  /** The leader epoch that the record at `offset` must carry; undefined when it is older than what is known. */
  epochOf?(offset: number): number | undefined;
  /** What compaction must not touch; absent: it may go up to the committed offset, and there are no producers. */
  readonly kept?: KeptFromCompaction;
  /** State as of all appends so far, for the checkpoint; opaque to storage, owned by the caller. */
  snapshot(): Uint8Array;
  /** Recovery, first: the state of the last checkpoint (not called when there is none). */
  restore(snapshot: Uint8Array): void;
  /**
   * Recovery, then: one call per batch appended after the checkpoint, in order. The buffer is only lent; of a batch of records it may
   * hold no more than the beginning, which is at least the header.
   */
  replayBatch(batch: Buffer): void;
  /** Everything below is committed: the high watermark may move there. Called from the commit loop; must not append synchronously to this log. */
  committed(committedOffset: number): void;
  /** The log's start moved (retention, DeleteRecords). */
  startMoved(startOffset: number): void;
}

export interface PartitionLog {
  readonly id: PartitionId;
  /** First offset that may be read; moves when its move is committed. */
  readonly startOffset: number;
  /** Next offset to be assigned; includes what is not yet committed. */
  readonly endOffset: number;
  /** All below is durable as the durability setting says. */
  readonly committedOffset: number;
  /** Bytes of all batches kept. */
  readonly sizeBytes: number;
  config: LogConfig;
  /** Rises whenever compaction has changed what is read and, with it, what is known of aborted transactions. */
  readonly compactions: number;

  /**
   * Appends complete magic-2 batches whose headers already carry offsets (the first at endOffset) and leader epoch.
   * Synchronous: the bytes join the tail and the next commit. The buffers belong to storage from now on and must not change;
   * small ones may be copied into an arena so that they do not pin a receive buffer. Throws StorageError when the engine
   * has failed; ask `writable` first.
   */
  append(batches: readonly Buffer[]): CommitTicket;
  /**
   * Whole batches from the one that contains `offset`, up to `maxBytes`, only batches that end at or below `limitOffset`.
   * `atLeastOne`: the first batch is returned even when it is larger. `offset` must lie in [startOffset, limitOffset].
   * Synchronous when the tail has it, else a promise. Buffers are views: read-only, valid until the caller releases their regions.
   */
  read(offset: number, maxBytes: number, limitOffset: number, atLeastOne: boolean): LogRead | Promise<LogRead>;
  /**
   * The first record at or after `timestampMs`, looking at batches that end at or below `limitOffset`: exact, to the record,
   * tail included. Undefined when there is none.
   */
  findTimestamp(timestampMs: number, limitOffset: number): Promise<TimestampAndOffset | undefined>;
  /** The record with the greatest timestamp (the first such), tail included; undefined when the log is empty. */
  findMaxTimestamp(limitOffset: number): Promise<TimestampAndOffset | undefined>;
  /** Of the aborted transactions in files, those with a marker below `indexedOffset` that overlap [fromOffset, limitOffset). */
  readAborted(fromOffset: number, limitOffset: number, indexedOffset: number): Promise<AbortedTransaction[]>;
  /** DeleteRecords: nothing below `offset` is readable any more, durable at the returned ticket. `offset` ≤ committedOffset. */
  moveStart(offset: number): CommitTicket;
  /** Stops use at once; files are renamed to a unique `-delete` name and removed after file.delete.delay.ms. */
  delete(): void;
}

export interface LogRead {
  /** Consecutive pieces of the log; each begins and ends at a batch boundary. */
  readonly parts: readonly Buffer[];
  readonly sizeBytes: number;
  /**
   * Retained for the reader, who releases each once when it looks at the parts no more; a reader that cannot know when
   * that is need not. Absent: nothing to release.
   */
  readonly regions?: readonly Region[];
  /** It came from a file, and takes memory of its own; what comes from the tail is there anyway. */
  readonly isCold?: boolean;
}

export interface TimestampAndOffset {
  readonly timestampMs: number;
  readonly offset: number;
  readonly leaderEpoch: number;
}
