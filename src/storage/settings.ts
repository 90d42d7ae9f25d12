// What the engine can be tuned with. Sizes in bytes, times in milliseconds. The defaults are a server’s; the embedded broker takes less.

export interface StorageSettings {
  /** Size of one file of the write-ahead log. */
  readonly walFileBytes: number;
  /** Number of those files; their sum bounds what a start has to replay. */
  readonly walFiles: number;
  /** Memory for recent batches, counting the buffers behind them. */
  readonly tailBytes: number;
  /** Memory that waits for its next use: a full tail gives up as much as arrives, but many runs at a time, after a flush. */
  readonly freeRegionBytesMax: number;
  /** For tests: released memory is overwritten at once. See protocol/region-pool.ts. */
  readonly poisonsReleasedMemory: boolean;
  /** One partition's bytes in one commit go straight to its segment from here on. */
  readonly extentBytes: number;
  /** A commit is closed when it holds this much. */
  readonly commitBytesMax: number;
  /**
   * Bytes that may wait for their commit; above it nothing is accepted until a slow disk has caught up. A last resort, whose
   * errors clients see: what they may offer is to be bounded before (Engine.excessBytes).
   */
  readonly formingBytesMax: number;
  /** Extents written since the last checkpoint before a new one is made: they too are read at a start. */
  readonly extentReplayBytesMax: number;
  /** So much may be written in place that no checkpoint covers: beyond, commits wait for one, as for the files of the log. */
  readonly extentBytesMax: number;
  /** Entries of the log since the last checkpoint before all of them leave it: small ones are dear to replay for their size. */
  readonly entryReplayMax: number;
  /** For tests: a start that puts batches into segments makes none larger. Positions in indexes have 32 bits with a sign. */
  readonly recoveredSegmentBytesMax: number;
  /** Below this much free space nothing more is appended. */
  readonly reserveBytes: number;
  readonly spaceCheckMs: number;
  readonly retentionCheckMs: number;
  /** Concurrent background operations and cold reads on files; libuv has four threads and the log's sync needs one. */
  readonly backgroundJobs: number;
  /** Those among them that wait for a disk to have written what came before: syncs and checkpoints. */
  readonly backgroundSyncs: number;
  /** A round of compaction that reads less is done in slices: it is over before a thread has started. */
  readonly cleaningThreadBytesMin: number;
  readonly openFilesMax: number;
  readonly indexCacheBytes: number;
  /** One read from a segment returns at most this (but always a whole first batch). */
  readonly coldReadBytesMax: number;
  /** Old records are read on the event loop while a piece of 128 KiB takes no longer than this; 0: never. */
  readonly promptReadPieceMsMax: number;
}

const mebibyte = 1024 * 1024;

export function storageSettings(overrides: Partial<StorageSettings> = {}): StorageSettings {
  const walFileBytes = overrides.walFileBytes ?? 64 * mebibyte;
  const tailBytes = overrides.tailBytes ?? 256 * mebibyte;
  const extentReplayBytesMax = overrides.extentReplayBytesMax ?? 4 * walFileBytes;
  const commitBytesMax = overrides.commitBytesMax ?? Math.min(16 * mebibyte, Math.floor(walFileBytes / 4));
  return {
    walFileBytes,
    walFiles: Math.max(3, overrides.walFiles ?? 4),
    tailBytes,
    freeRegionBytesMax: Math.max(tailBytes, 32 * mebibyte),
    poisonsReleasedMemory: false,
    extentBytes: Math.min(256 * 1024, Math.floor(walFileBytes / 8)),
    commitBytesMax,
    formingBytesMax: Math.max(tailBytes, 4 * commitBytesMax),
    extentReplayBytesMax,
    extentBytesMax: 3 * extentReplayBytesMax,
    entryReplayMax: Math.floor(walFileBytes / 640),
    recoveredSegmentBytesMax: 2 ** 31 - 1,
    reserveBytes: 64 * mebibyte,
    spaceCheckMs: 2_000,
    retentionCheckMs: 300_000,
    backgroundJobs: 3,
    backgroundSyncs: 2,
    cleaningThreadBytesMin: 8 * mebibyte,
    openFilesMax: 512,
    indexCacheBytes: 32 * mebibyte,
    coldReadBytesMax: mebibyte,
    promptReadPieceMsMax: 1,
    ...withoutUndefined(overrides),
  };
}

function withoutUndefined<T extends object>(overrides: T): T {
  return Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined)) as T;
}
