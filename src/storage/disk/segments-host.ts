// What the segments of all partitions share: files, caches of them, room to read into, and the ways to leave work for later.
import type { RegionPool } from '../../protocol/region-pool.ts';
import type { Files } from '../../runtime/files.ts';
import type { Clock, LogLines, Random } from '../../runtime/runtime.ts';
import type { StorageSettings } from '../settings.ts';
import type { Slots } from '../slots.ts';
import type { FileCache } from './file-cache.ts';
import type { IndexCache } from './index-cache.ts';
import type { PromptReads } from './prompt-reads.ts';

export interface SegmentsHost {
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: LogLines;
  readonly settings: StorageSettings;
  readonly dataDirectory: string;
  readonly cache: FileCache;
  readonly indexes: IndexCache;
  /** What is read for consumers goes into these. */
  readonly regions: RegionPool;
  readonly promptReads: PromptReads;
  /** For reads and background writes; the commit path does not take one. */
  readonly slots: Slots;
  /** Makes new partition directories durable; many callers share one sync. */
  syncDataDirectory(): Promise<void>;
  /** Resolves when a deleted partition of this name has left its directory. */
  whenLeft(directory: string): Promise<void>;
  /** Removes a renamed file or directory later. */
  removeLater(path: string, delayMs: number): void;
}
