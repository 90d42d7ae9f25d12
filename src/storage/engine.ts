// The engine: opens a data directory for one broker id, keeps the logs of its partitions, and wires the commit loop, the
// flusher, retention and the watch over free space. Layout of the directory:
//
//   <data>/broker-<id>/checkpoint-<n>      state of all partitions          disk/checkpoint.ts
//   <data>/broker-<id>/wal-<n>             write-ahead log                  disk/wal.ts, disk/block.ts
//   <data>/broker-<id>/*.lock              held by the living process
//   <data>/<topic>-<partition>/            segments, as Kafka's             disk/segments.ts
import assert from 'node:assert/strict';
import { Metrics } from '../metrics/metrics.ts';
import { RegionPool } from '../protocol/region-pool.ts';
import { type DirectoryLock, FileError, type Files } from '../runtime/files.ts';
import type { Runtime, Timer } from '../runtime/runtime.ts';
import { Arena } from './arena.ts';
import { Cleaner, type CleanerSettings, type CleaningThreads } from './cleaner.ts';
import type { Commit } from './commit.ts';
import { CommitLoop, type CommitMedium } from './commit-loop.ts';
import { brokerDirectoryName, brokerIdOf } from './disk/broker-directory.ts';
import { type Checkpoint, CheckpointFiles } from './disk/checkpoint.ts';
import { FileCache } from './disk/file-cache.ts';
import { IndexCache } from './disk/index-cache.ts';
import { directoryName, isMarkedForRemoval, readTopicId, renameForRemoval } from './disk/partition-directory.ts';
import { PatientFiles } from './disk/patient-files.ts';
import { PromptReads } from './disk/prompt-reads.ts';
import { RecoveredFiles } from './disk/recovered-files.ts';
import { RecoveredRun } from './disk/recovered-run.ts';
import { logKey, type RecoveredLog, type Recovery, recover } from './disk/recovery.ts';
import { Segments } from './disk/segments.ts';
import type { SegmentsHost } from './disk/segments-host.ts';
import { ALIGNMENTS, openSlots, Wal, type WalSlot } from './disk/wal.ts';
import { WalMedium } from './disk/wal-medium.ts';
import { Flusher } from './flusher.ts';
import { Log, type LogHost } from './partition-log.ts';
import { restoreLog } from './restore-log.ts';
import { Retention } from './retention.ts';
import { joinRuns } from './run.ts';
import { type StorageSettings, storageSettings } from './settings.ts';
import { Slots } from './slots.ts';
import { SpaceWatch } from './space-watch.ts';
import type { CommitTicket, Durability, LogConfig, PartitionId, PartitionState, Storage } from './storage.ts';
import { StorageError, storageError } from './storage-error.ts';
import { storageMetrics } from './storage-metrics.ts';
import { TailGroups } from './tail-groups.ts';

export interface StorageOptions {
  readonly runtime: Pick<Runtime, 'clock' | 'timers' | 'random' | 'files' | 'log'>;
  /** Absolute path of the data directory; created when absent. */
  readonly directory: string;
  readonly brokerId: number;
  readonly durability: Durability;
  /** Called once when the engine has failed: nothing more is acknowledged; close it and open it again, or exit. */
  readonly onFailure?: (error: StorageError) => void;
  readonly settings?: Partial<StorageSettings>;
  /** With next to no free space it is opened all the same, for reading (`isReadOnly`), instead of failing. */
  readonly opensFullDisk?: boolean;
  /** Where storage counts what it does. */
  readonly metrics?: Metrics;
}

/** Memory that nobody needed for so long is given up. */
const trimMs = 5_000;
/** Before a commit that found no file descriptor and cannot do without is tried again. */
const pauseMs = 50;

export async function openStorage(given: StorageOptions): Promise<Engine> {
  const files = new PatientFiles(given.runtime.files, given.runtime.timers);
  const { clock, timers, random, log } = given.runtime;
  const options = { ...given, runtime: { clock, timers, random, log, files } };
  const directory = options.directory.replace(/[/\\]+$/, '');
  const broker = brokerDirectoryName(options.brokerId);
  const own = `${directory}/${broker}`;
  try {
    await files.makeDirectory(directory);
    const isNew = (await files.stat(own)) === undefined;
    if (isNew) await refuseForeign(files, directory, own);
    await files.makeDirectory(own);
    const lock = await files.lock(own, broker);
    if (lock === undefined) {
      throw new StorageError(
        'IN_USE',
        `${directory} is in use by another running broker with id ${options.brokerId}: stop it, or choose another directory or id.`,
      );
    }
    try {
      return await openLocked(options, directory, own, lock);
    } catch (error) {
      await lock.release();
      throw error;
    }
  } catch (error) {
    throw storageError(error);
  }
}

/**
 * The names of what is in the directory, of itself and of all above it: which of them a first start that was killed had made
 * cannot be told. Above it there may be some that cannot be read or synced; those are not ours.
 */
async function syncNames(files: Files, directory: string): Promise<void> {
  await files.syncDirectory(directory);
  for (let path = directory; path.includes('/'); ) {
    path = path.slice(0, path.lastIndexOf('/'));
    try {
      await files.syncDirectory(path === '' ? '/' : path);
    } catch (error) {
      if (!(error instanceof FileError) || error.code === 'EIO') throw error;
    }
  }
}

/** Partitions without any broker's checkpoint: starting would cut them to nothing. */
async function refuseForeign(files: Files, directory: string, own: string): Promise<void> {
  const names = await files.list(directory);
  if (names.some((name) => brokerIdOf(name) !== undefined)) return;
  for (const name of names) {
    if (!/-\d+$/.test(name) || (await readTopicId(files, `${directory}/${name}`)) === undefined) continue;
    throw new StorageError(
      'DAMAGED',
      `${directory} holds partitions (such as ${name}) but ${own} is missing: restore it, or choose an empty directory.`,
    );
  }
}

async function openLocked(
  options: StorageOptions,
  directory: string,
  own: string,
  lock: DirectoryLock,
): Promise<Engine> {
  const { files, random } = options.runtime;
  const settings = storageSettings(options.settings);
  const checkpoints = new CheckpointFiles(files, own);
  const found = await checkpoints.read();
  const logId = found === undefined ? random.bytes(8) : Buffer.from(found.logId);
  const checkpoint = found ?? firstCheckpoint(logId);
  const regions = new RegionPool({
    freeBytesMax: settings.freeRegionBytesMax,
    poisons: settings.poisonsReleasedMemory,
  });
  const arena = new Arena(arenaChunkBytes(settings), regions);
  const fsync = options.durability === 'fsync';
  const alignment = fsync ? ALIGNMENTS[1] : ALIGNMENTS[0];
  const slots =
    options.durability === 'memory' && found === undefined ? [] : await openSlots(files, own, settings.walFiles);
  const recovery: Recovery =
    slots.length === 0
      ? {
          logs: new Map(),
          next: checkpoint.replayFrom,
          lastSynced: 0,
          extentBytes: 0,
          entryCount: 0,
          files: new RecoveredFiles(files),
        }
      : await recover({
          files,
          dataDirectory: directory,
          slots,
          checkpoint,
          arena,
          largeEntryBytes: settings.extentBytes / 4,
          alignment,
          segmentBytesMax: settings.recoveredSegmentBytesMax,
          makeDurable: fsync,
        });
  const startEpoch = checkpoint.startEpoch + 1;
  const isReadOnly = options.opensFullDisk === true && (await freeBytesIn(files, directory)) < readOnlyBelow(settings);
  if (!isReadOnly) {
    if (found === undefined) await syncNames(files, directory);
    await checkpoints.publish(
      {
        clean: false,
        logId,
        startEpoch,
        replayFrom: checkpoint.replayFrom,
        lastDurable: recovery.lastSynced,
        firstSequence: recovery.next.sequence,
      },
      checkpoint.encoded,
    );
  }
  return new Engine({
    options,
    settings,
    directory,
    own,
    lock,
    checkpoints,
    arena,
    slots,
    recovery,
    logId,
    startEpoch,
    alignment,
    uncleanStart: found !== undefined && !found.clean,
    isReadOnly,
  });
}

/** What a start, checkpoints and deletions need at the very least. */
function readOnlyBelow({ reserveBytes }: StorageSettings): number {
  return reserveBytes / 4;
}

/** A file system that cannot say it is written to until it refuses. */
function freeBytesIn(files: Files, directory: string): Promise<number> {
  return files.space(directory).then(
    ({ freeBytes }) => freeBytes,
    () => Number.POSITIVE_INFINITY,
  );
}

function firstCheckpoint(logId: Buffer): Checkpoint {
  const replayFrom = { sequence: 1, slot: 0, position: 0, previousCrc: 0 };
  return { clean: true, logId, startEpoch: 0, replayFrom, lastDurable: 0, firstSequence: 1, records: [], encoded: [] };
}

function arenaChunkBytes(settings: StorageSettings): number {
  return Math.max(64 * 1024, Math.min(1024 * 1024, 2 ** Math.floor(Math.log2(settings.tailBytes / 64))));
}

interface Opened {
  readonly options: StorageOptions;
  readonly settings: StorageSettings;
  readonly directory: string;
  readonly own: string;
  readonly lock: DirectoryLock;
  readonly checkpoints: CheckpointFiles;
  readonly arena: Arena;
  readonly slots: WalSlot[];
  readonly recovery: Recovery;
  readonly logId: Buffer;
  readonly startEpoch: number;
  readonly alignment: number;
  readonly uncleanStart: boolean;
  readonly isReadOnly: boolean;
}

export class Engine implements Storage {
  readonly uncleanStart: boolean;
  /** Opened over a full disk: what is there can be read, and deleted; nothing is appended, flushed or compacted in this life. */
  readonly isReadOnly: boolean;
  readonly settings: StorageSettings;
  readonly arena: Arena;
  #opened: Opened;
  #logs = new Map<string, Log>();
  #dirty = new Set<Log>();
  #recovered: Map<string, RecoveredLog>;
  #wal: Wal | undefined;
  #loop: CommitLoop;
  #flusher: Flusher;
  #retention: Retention;
  #cleaner: Cleaner;
  #space: SpaceWatch;
  #segmentsHost: SegmentsHost;
  #failure: StorageError | undefined;
  #closed = false;
  #leaving = new Map<string, Promise<void>>();
  /** A directory was renamed for removal, and that is not durable yet. */
  #leftUnsynced = false;
  #dataSync: Promise<void> | undefined;
  #dataSyncNext: Promise<void> | undefined;
  /** What goes first when the tail is over its budget. */
  #tailGroups: TailGroups;
  /** The last look found nothing; looking again makes sense when more is in segments. */
  #nothingToEvict = false;
  #syncTimer: Timer | undefined;
  #syncDueMs = 0;
  #excessListener: (() => void) | undefined;
  #excessFellScheduled = false;
  #trimTimer: Timer | undefined;
  #rejections = new Set<(error: unknown) => void>();
  #lastTopicId = '';
  #lastTopicIdBytes: Buffer = Buffer.alloc(0);

  constructor(opened: Opened) {
    this.#opened = opened;
    this.uncleanStart = opened.uncleanStart;
    this.isReadOnly = opened.isReadOnly;
    const { settings, arena, recovery, options } = opened;
    const { runtime, durability } = options;
    this.settings = settings;
    this.arena = arena;
    this.#tailGroups = new TailGroups(arena);
    this.#recovered = recovery.logs;
    this.#segmentsHost = this.#makeSegmentsHost();
    if (durability !== 'memory') {
      this.#wal = new Wal(opened.slots, {
        logId: opened.logId,
        startEpoch: opened.startEpoch,
        fileBytes: settings.walFileBytes,
        alignment: opened.alignment,
        next: recovery.next,
        lastSynced: recovery.lastSynced,
        onRolled: () => this.#flusher.request(),
      });
    }
    this.#loop = new CommitLoop({
      timers: runtime.timers,
      medium: this.#makeMedium(),
      bytesMax: settings.commitBytesMax,
      firstTicket: recovery.next.sequence,
      onDurable: (commit) => this.#onDurable(commit),
      onCommitted: (commit) => this.#onCommitted(commit),
      onFailed: (error) => this.#fail(error),
      onThrown: (error) => this.#thrown(error),
    });
    this.#flusher = new Flusher({
      timers: runtime.timers,
      wal: this.#wal,
      logId: opened.logId,
      startEpoch: opened.startEpoch,
      firstSequence: recovery.next.sequence,
      checkpoints: {
        publish: (header, records) =>
          this.#segmentsHost.slots.runLong(() => opened.checkpoints.publish(header, records)),
      },
      syncWal: durability === 'os',
      carryBytesMax: Math.floor(settings.walFileBytes / 4),
      extentBytes: recovery.extentBytes,
      extentReplayBytesMax: settings.extentReplayBytesMax,
      extentBytesMax: settings.extentBytesMax,
      // Without a log nothing can leave it.
      entryCount: this.#wal === undefined ? 0 : recovery.entryCount,
      entryReplayMax: settings.entryReplayMax,
      logs: () => this.#logs.values(),
      dirtyLogs: this.#dirty,
      unopened: () =>
        [...this.#recovered.values()].map((log) => ({ encoded: log.encodedRecord, firstSequence: log.firstSequence })),
      lastTicket: () => this.#loop.lastTicket,
      whenDurable: (ticket) => this.#whenDurable(ticket),
      grow: async () => this.#wal?.grow(runtime.files, opened.own),
      carry: (log) => this.#carry(log),
      recoveredSynced: () => recovery.files.synced(),
      deletedLeft: () => this.#deletedLeft(),
      onWritten: (log) => this.#written(log),
      onFailed: (error) => this.#fail(error),
    });
    const metrics = storageMetrics(options.metrics ?? new Metrics(), () => this.#logs.values());
    this.#retention = new Retention({
      metrics,
      clock: runtime.clock,
      timers: runtime.timers,
      intervalMs: settings.retentionCheckMs,
      logs: () => this.#logs.values(),
      flush: (log) => this.#flusher.flush(log),
      checkpointed: () => this.#flusher.checkpointed(),
      whenDurable: (ticket) => this.#whenDurable(ticket),
      log: runtime.log,
    });
    this.#cleaner = new Cleaner({
      metrics,
      files: runtime.files,
      clock: runtime.clock,
      timers: runtime.timers,
      random: runtime.random,
      log: runtime.log,
      logs: () => this.#logs.values(),
      flush: (log) => this.#flusher.flush(log),
      checkpointed: () => this.#flusher.checkpointed(),
      retentionIdle: () => (this.#retention.isRunning ? this.#retention.idle() : undefined),
      threadBytesMin: settings.cleaningThreadBytesMin,
      onFailed: (error) => this.#fail(error),
    });
    this.#space = new SpaceWatch({
      files: runtime.files,
      timers: runtime.timers,
      log: runtime.log,
      directory: opened.directory,
      reserveBytes: durability === 'memory' ? 0 : settings.reserveBytes,
      intervalMs: settings.spaceCheckMs,
    });
    if (this.isReadOnly) {
      this.#flusher.stop();
      this.#retention.stop();
    }
    this.#trimLater();
    void this.#removeMarked();
  }

  #trimLater(): void {
    this.#trimTimer = this.#opened.options.runtime.timers.set(trimMs, () => {
      this.regions.trim();
      this.#trimLater();
    });
  }

  #makeMedium(): CommitMedium {
    const wal = this.#wal;
    if (wal === undefined) return { prepare: () => undefined, write: () => {}, sync: () => undefined };
    return new WalMedium({
      wal,
      fsync: this.#opened.options.durability === 'fsync',
      extentBytes: this.settings.extentBytes,
      makeRoom: (ticket) => this.#flusher.room(ticket),
      mayWriteInPlace: (ticket, bytes) => this.#flusher.mayWriteInPlace(ticket, bytes),
      mayWriteEntries: (ticket) => this.#flusher.mayWriteEntries(ticket),
      makeRoomToReplay: (ticket) => this.#flusher.roomToReplay(ticket),
      wantReady: (log) => {
        log.segments.ready(log.config.indexIntervalBytes).catch((error) => {
          if (!log.deleted) this.#fail(error);
        });
      },
      // Who fails tells the engine itself.
      wantFlushed: (log) => void this.#flusher.flush(log).catch(() => {}),
      makeReady: (log) => this.#flusher.flush(log),
      pause: () => new Promise((resolve) => void this.#opened.options.runtime.timers.set(pauseMs, resolve)),
      onExtents: (bytes) => this.#flusher.wroteInPlace(bytes),
      onEntries: (count) => this.#flusher.wroteEntries(count),
      syncWritten: () => this.#flusher.syncLog(wal),
      syncWithin: (delayMs) => this.#syncWithin(wal, delayMs),
    });
  }

  /** One timer for all topics that ask for it: the earliest. */
  #syncWithin(wal: Wal, delayMs: number): void {
    const { clock, timers } = this.#opened.options.runtime;
    const dueMs = clock.monotonicMs() + delayMs;
    if (this.#syncTimer !== undefined && this.#syncDueMs <= dueMs) return;
    this.#syncTimer?.cancel();
    this.#syncDueMs = dueMs;
    this.#syncTimer = timers.set(delayMs, () => {
      this.#syncTimer = undefined;
      if (this.#closed || this.#failure !== undefined) return;
      this.#flusher.syncLog(wal).catch((error) => this.#fail(error));
    });
  }

  #makeSegmentsHost(): SegmentsHost {
    const { runtime } = this.#opened.options;
    const { files, timers, clock, random, log } = runtime;
    const cache = new FileCache(files, this.settings.openFilesMax);
    if (files instanceof PatientFiles) files.onShortage = () => cache.closeIdle();
    return {
      files,
      clock,
      random,
      log,
      settings: this.settings,
      dataDirectory: this.#opened.directory,
      cache,
      indexes: new IndexCache(this.settings.indexCacheBytes),
      regions: this.regions,
      promptReads: new PromptReads(clock, timers, this.settings.promptReadPieceMsMax),
      slots: new Slots(this.settings.backgroundJobs, this.settings.backgroundSyncs),
      syncDataDirectory: () => this.#syncDataDirectory(),
      whenLeft: (directory) => this.#leaving.get(directory) ?? Promise.resolve(),
      removeLater: (path, delayMs) => {
        timers.set(delayMs, () => {
          if (this.#closed) return;
          files
            .removeTree(path)
            .catch((error) => log.warn('cannot remove deleted files', { path, error: String(error) }));
        });
      },
    };
  }

  openLog(id: PartitionId, config: LogConfig, state: PartitionState): Log {
    const key = logKey(id.topicId, id.partition);
    const known = this.#logs.get(key);
    if (known !== undefined) throw new Error(`the log of ${id.topic}-${id.partition} is open already`);
    const recovered = this.#recovered.get(key);
    const topicIdBytes = this.#bytesOf(id.topicId);
    const segments = new Segments(
      this.#segmentsHost,
      id,
      recovered?.flushedPlace,
      () => state.aborted?.indexedOffset ?? 0,
      (offset) => state.epochOf?.(offset),
    );
    const log = new Log(this.#logHost, id, topicIdBytes, config, state, segments, {
      startOffset: recovered?.startOffset ?? 0,
      flushedOffset: recovered?.flushedOffset ?? 0,
      flushedPlace: recovered?.flushedPlace,
      publishedPlace: recovered?.publishedPlace,
      publishedStart: recovered?.record?.startOffset ?? 0,
      endOffset: recovered?.endOffset ?? 0,
      cleanedOffset: recovered?.record?.cleanedOffset ?? 0,
    });
    if (recovered !== undefined) {
      restoreLog(this.#opened.options.runtime.files, this.#opened.directory, log, recovered, this.arena);
      this.#recovered.delete(key);
      if (log.isDirty) this.#dirty.add(log);
      for (const run of log.tail) this.#tailGroups.add(run);
      log.publishedIndexed = state.aborted?.indexedOffset ?? 0;
    }
    this.#logs.set(key, log);
    return log;
  }

  /** Neighbours are of the same topic. */
  #bytesOf(topicId: string): Buffer {
    if (this.#lastTopicId !== topicId) this.#lastTopicIdBytes = Buffer.from(topicId, 'base64url');
    this.#lastTopicId = topicId;
    return this.#lastTopicIdBytes;
  }

  readonly #logHost: LogHost = (() => {
    const engine = this;
    return {
      get arena() {
        return engine.arena;
      },
      get lastTicket() {
        return engine.#loop.lastTicket;
      },
      commitFor: (bytes: number): Commit => {
        if (engine.#failure !== undefined) throw engine.#failure;
        if (engine.#closed) throw new StorageError('IO', 'storage is closed');
        return engine.#loop.commitFor(bytes);
      },
      tailGrew: () => {
        if (engine.arena.usedBytes > engine.settings.tailBytes) engine.#evict();
      },
      logBecameDirty: (log: Log) => void engine.#dirty.add(log),
      logDeleted: (log: Log) => engine.#remove(log),
    };
  })();

  discardUnopened(): void {
    const inUse = new Set<string>();
    for (const { segments } of this.#logs.values()) inUse.add(segments.directory);
    for (const recovered of this.#recovered.values()) {
      for (const item of recovered.items) if (item instanceof RecoveredRun) item.release(this.arena);
      for (const run of recovered.early) run.release(this.arena);
      if (recovered.record === undefined) continue;
      const { topic, partition } = recovered.record;
      const directory = `${this.#opened.directory}/${directoryName(topic, partition)}`;
      if (!inUse.has(directory)) this.#leave(directory, topic, partition, recovered.topicId, 0);
    }
    this.#recovered.clear();
  }

  whenWritten(ticket: CommitTicket, callback: () => void): void {
    this.#loop.whenWritten(ticket, callback);
  }

  whenCommitted(ticket: CommitTicket, callback: () => void): void {
    this.#loop.whenCommitted(ticket, callback);
  }

  get currentTicket(): CommitTicket {
    return this.#loop.currentTicket;
  }

  /** Memory for all that this broker receives and keeps for a while. */
  get regions(): RegionPool {
    return this.arena.regions;
  }

  get writable(): boolean {
    if (this.isReadOnly || this.#failure !== undefined || this.#closed || this.#space.full) return false;
    return this.#loop.formingBytes <= this.settings.formingBytesMax;
  }

  /** Why the engine has failed. */
  get failure(): StorageError | undefined {
    return this.#failure;
  }

  /** Bytes of all partitions' logs. */
  get sizeBytes(): number {
    let bytes = 0;
    for (const log of this.#logs.values()) bytes += log.sizeBytes;
    return bytes;
  }

  /** Parts of all tails that wait to be given up, and those that went without that; tests and tools. */
  get evictionsQueued(): number {
    return this.#tailGroups.count;
  }

  /** Free and total bytes where the data lives. */
  space(): Promise<{ freeBytes: number; totalBytes: number }> {
    return this.#opened.options.runtime.files.space(this.#opened.directory);
  }

  /** Another life would be one that writes, with something to spare. */
  async hasRoom(): Promise<boolean> {
    const { runtime } = this.#opened.options;
    return (await freeBytesIn(runtime.files, this.#opened.directory)) >= 2 * readOnlyBelow(this.settings);
  }

  /** Applies retention to all logs now; tests and tools. */
  enforceRetention(): Promise<void> {
    return this.#retention.enforce();
  }

  /** Compacts from now on what has become dirty enough. */
  startCleaning(settings: () => CleanerSettings, threads?: CleaningThreads): void {
    if (!this.isReadOnly) this.#cleaner.start(settings, threads);
  }

  /** Compacts now what is dirty enough; tests and tools. */
  clean(): Promise<void> {
    return this.#cleaner.clean();
  }

  /** Flushes and checkpoints now; tests and tools. */
  async flush(): Promise<void> {
    await this.#whenDurable(this.#loop.lastTicket);
    await this.#flusher.flushEverything();
    await this.#flusher.checkpointed();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#retention.stop();
    this.#cleaner.stop();
    this.#syncTimer?.cancel();
    this.#space.stop();
    this.#trimTimer?.cancel();
    let error: unknown;
    if (this.#failure === undefined && !this.isReadOnly) {
      try {
        await this.#closeCleanly();
      } catch (caught) {
        error = caught;
      }
    }
    this.#stopWork(this.#failure ?? new StorageError('IO', 'storage is closed'));
    // Nothing of this life may touch the files once another one can hold the lock.
    await Promise.allSettled([
      this.#flusher.idle(),
      this.#loop.idle(),
      this.#retention.idle(),
      this.#cleaner.idle(),
      ...this.#leaving.values(),
      ...[...this.#logs.values()].map((log) => log.flushing),
    ]);
    await this.#segmentsHost.cache.close();
    await this.#opened.recovery.files.close();
    await Promise.allSettled(this.#opened.slots.map((slot) => slot.file.close()));
    await this.#opened.lock.release();
    if (error !== undefined) throw storageError(error);
  }

  /** Closes as a crash would, but in order: what is only in memory is dropped and the stop stays marked as unclean. */
  async abandon(): Promise<void> {
    this.#failure ??= new StorageError('IO', 'storage was abandoned');
    await this.close();
  }

  async #closeCleanly(): Promise<void> {
    await this.#whenDurable(this.#loop.lastTicket);
    await this.#flusher.idle();
    await this.#flusher.flushEverything();
    this.#flusher.stop();
    await this.#flusher.idle();
    await Promise.all(this.#leaving.values());
    if (this.#failure !== undefined) throw this.#failure;
    await this.#flusher.checkpoint(true);
  }

  #onDurable(commit: Commit): void {
    const ticket = commit.ticket;
    for (const run of commit.runs) {
      const { log } = run;
      if (run.endOffset > log.committedOffset) log.committedOffset = run.endOffset;
      if (!log.deleted) this.#tailGroups.add(run);
    }
    for (const { log, offset } of commit.starts) log.startOffset = Math.max(log.startOffset, offset);
    for (const run of commit.carried) {
      run.sequence = ticket;
      run.release();
    }
    this.#space.wrote(commit.bytes);
  }

  #onCommitted(commit: Commit): void {
    let last: Log | undefined;
    const told = commit.runs.length > 64 ? new Set<Log>() : undefined;
    for (const { log } of commit.runs) {
      if (log === last || log.deleted || told?.has(log)) continue;
      told?.add(log);
      last = log;
      try {
        log.state.committed(log.committedOffset);
      } catch (error) {
        this.#thrown(error);
      }
    }
    for (const { log, offset } of commit.starts) {
      if (log.deleted) continue;
      try {
        log.state.startMoved(offset);
      } catch (error) {
        this.#thrown(error);
      }
    }
    for (const { log, endOffset } of commit.runs) {
      if (endOffset > log.writtenOffset) continue;
      // It was written in place.
      this.#nothingToEvict = false;
      this.#tailGroups.written(log);
    }
    // What is committed can be flushed, should the tail be over its budget.
    if (this.#nothingToEvict) this.#flusher.requestMemory(() => this.excessBytes);
    else this.#evict();
  }

  /**
   * What the tail holds beyond its budget, because no segment has it yet. It is to be taken from what requests may hold, so
   * that both budgets together are kept: clients then wait for the disk.
   */
  get excessBytes(): number {
    // What no flush will bring down must not keep readers waiting; a start bounds it by the size of the write-ahead log.
    if (this.isReadOnly) return 0;
    return Math.max(0, this.arena.usedBytes - this.settings.tailBytes);
  }

  /** Called, in a turn of its own, after `excessBytes` fell. */
  onExcessFell(listener: () => void): void {
    this.#excessListener = listener;
  }

  #excessFell(): void {
    if (this.#excessFellScheduled || this.#excessListener === undefined) return;
    this.#excessFellScheduled = true;
    // Not at once: this may be the end of an append, and whoever is told may append.
    this.#opened.options.runtime.timers.defer(() => {
      this.#excessFellScheduled = false;
      if (!this.#closed) this.#excessListener?.();
    });
  }

  /** More of the log can be read from segments than before. */
  #written(log: Log): void {
    this.#nothingToEvict = false;
    this.#tailGroups.written(log);
    this.#evict();
  }

  /** Gives up the oldest runs that segments hold until the budget is kept; asks for a flush when that is not enough. */
  #evict(): void {
    const { arena, settings } = this;
    if (this.#nothingToEvict || arena.usedBytes <= settings.tailBytes) return;
    const excessBytes = this.excessBytes;
    const isEnough = this.#tailGroups.giveUp(() => arena.usedBytes <= settings.tailBytes);
    if (this.excessBytes < excessBytes) this.#excessFell();
    if (!isEnough) {
      this.#nothingToEvict = true;
      this.#flusher.requestMemory(() => this.excessBytes);
    }
  }

  /** The log's unwritten batches, once more, in the next commit: then no older block is needed for them. */
  #carry(log: Log): void {
    assert(log.flushing === undefined, 'what is being flushed is not carried');
    const old = log.tail.between(log.writtenOffset, log.committedOffset);
    if (old.length === 0) return;
    const bytes = old.reduce((sum, run) => sum + run.sizeBytes, 0);
    const commit = this.#loop.commitFor(bytes);
    const run = joinRuns(this.arena, old);
    // A flush, another carry or a move of the log start may take it out of the tail before the commit is written.
    run.retain();
    log.tail.replace(old, [run]);
    this.#tailGroups.carried(log);
    commit.carried.push(run);
    commit.bytes += bytes;
  }

  #remove(log: Log): void {
    this.#logs.delete(logKey(log.id.topicId, log.id.partition));
    this.#dirty.delete(log);
    log.segments.deleted = true;
    const wait = Promise.allSettled([
      log.flushing,
      log.inPlaceTicket >= 0 ? this.#whenDurable(log.inPlaceTicket) : undefined,
    ]).then(() => log.segments.left());
    const { topic, topicId, partition } = log.id;
    this.#leave(log.segments.directory, topic, partition, topicId, log.config.fileDeleteDelayMs, wait);
    if (this.excessBytes > 0) this.#excessFell();
    log.dropTail();
    this.#tailGroups.deleted(log);
  }

  /** Renames a partition's directory away and removes it later. */
  #leave(
    directory: string,
    topic: string,
    partition: number,
    topicId: string,
    delayMs: number,
    after?: Promise<unknown>,
  ): void {
    const { files, random, log } = this.#opened.options.runtime;
    const earlier = this.#leaving.get(directory);
    const leave = async (): Promise<void> => {
      await earlier;
      await after;
      await this.#segmentsHost.cache.drop(directory);
      // Where open files keep a directory from being renamed.
      await this.#opened.recovery.files.synced().catch(() => {});
      if ((await readTopicId(files, directory)) !== topicId) return;
      const doomed = await renameForRemoval(files, random, this.#opened.directory, directoryName(topic, partition));
      this.#leftUnsynced = true;
      if (doomed !== undefined) this.#segmentsHost.removeLater(doomed, delayMs);
    };
    const left = leave()
      .catch((error) => log.warn('cannot set a deleted partition aside', { directory, error: String(error) }))
      .finally(() => {
        if (this.#leaving.get(directory) === left) this.#leaving.delete(directory);
      });
    this.#leaving.set(directory, left);
  }

  async #deletedLeft(): Promise<void> {
    await Promise.all(this.#leaving.values());
    if (!this.#leftUnsynced) return;
    this.#leftUnsynced = false;
    await this.#syncDataDirectory();
  }

  /** Directories and files that an earlier run had renamed for removal. */
  async #removeMarked(): Promise<void> {
    const { files, log } = this.#opened.options.runtime;
    try {
      for (const name of await files.list(this.#opened.directory)) {
        if (!isMarkedForRemoval(name) || this.#closed) continue;
        await this.#segmentsHost.slots.run(() => files.removeTree(`${this.#opened.directory}/${name}`));
      }
    } catch (error) {
      if (!this.#closed) log.warn('cannot remove deleted partitions', { error: String(error) });
    }
  }

  /** Callers that come while a sync runs share the next one: it starts after they made their entries. */
  #syncDataDirectory(): Promise<void> {
    if (this.#dataSync === undefined) {
      this.#dataSync = this.#opened.options.runtime.files.syncDirectory(this.#opened.directory).finally(() => {
        this.#dataSync = undefined;
      });
      return this.#dataSync;
    }
    this.#dataSyncNext ??= this.#dataSync
      .catch(() => {})
      .then(() => {
        this.#dataSyncNext = undefined;
        return this.#syncDataDirectory();
      });
    return this.#dataSyncNext;
  }

  #whenDurable(ticket: CommitTicket): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#rejections.add(reject);
      this.#loop.whenCommitted(ticket, () => {
        this.#rejections.delete(reject);
        resolve();
      });
    });
  }

  /** A bug of whoever was called; nobody else shall wait for ever because of it. */
  #thrown(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#opened.options.runtime.log.error('a callback of a commit has thrown', { error: text });
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = storageError(error);
    this.#stopWork(this.#failure);
    this.#opened.options.runtime.log.error('storage has failed', { error: this.#failure.message });
    // During a stop it is close() that tells.
    if (!this.#closed) this.#opened.options.onFailure?.(this.#failure);
  }

  #stopWork(reason: StorageError): void {
    this.#loop.fail();
    this.#flusher.stop();
    this.#retention.stop();
    this.#cleaner.stop();
    for (const reject of this.#rejections) reject(reason);
    this.#rejections.clear();
  }
}
