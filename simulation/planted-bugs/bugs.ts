// Deliberate bugs: each is one change to one compiled file, and the simulator has to find it. They are planted from outside,
// when the file is loaded (plant.ts); a text that is not there exactly once fails loudly, so that no bug rots unseen.

export interface PlantedBug {
  readonly name: string;
  /** Below dist/src. */
  readonly file: string;
  readonly find: string;
  readonly replaceWith: string;
  readonly workload: string;
  /** Show it soon: they come first, so that a change of the code does not make the search long. */
  readonly seeds: readonly number[];
  /** Checkers of which one has to complain. */
  readonly caughtBy: readonly string[];
  /** What it would mean. */
  readonly sentence: string;
}

/** What was told is not true any more: which promise shows it first is chance. */
const LOSS = ['lost', 'offset-reuse', 'order', 'mark-went-back', 'start-moved', 'repeated', 'stuck-producer', 'broker'];
/** Wrong bytes are served, or nothing where something should be. */
const DAMAGE = [...LOSS, 'corrupt', 'never-sent', 'dense', 'uncaught', 'server-error', 'progress', 'bad-answer'];

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: 'commit-without-sync',
    file: 'storage/disk/wal-medium.js',
    find: 'const log = this.#options.wal.sync();',
    replaceWith: 'const log = Promise.resolve();',
    workload: 'records',
    seeds: [1, 6, 8],
    caughtBy: LOSS,
    sentence: 'a commit counts as durable without a sync of the log',
  },
  {
    name: 'acknowledge-at-the-write',
    file: 'storage/commit-loop.js',
    find: 'this.#when(this.#durableWaiters, this.#durable, ticket, callback);',
    replaceWith: 'this.#when(this.#writtenWaiters, this.#written, ticket, callback);',
    workload: 'records',
    seeds: [1, 2, 3],
    caughtBy: LOSS,
    sentence: 'acks=all is answered when the log was written, not when it was synced',
  },
  {
    name: 'acknowledge-before-the-write',
    file: 'storage/commit-loop.js',
    find: 'this.#when(this.#durableWaiters, this.#durable, ticket, callback);',
    replaceWith: 'callback();',
    workload: 'records',
    seeds: [1, 2, 3],
    caughtBy: LOSS,
    sentence: 'answers do not wait for their commit at all',
  },
  {
    name: 'visible-before-durable',
    file: 'partition/partition.js',
    find: `get highWatermark() {
        return this.#log.committedOffset;`,
    replaceWith: `get highWatermark() {
        return this.#log.endOffset;`,
    workload: 'records',
    seeds: [29, 32, 43, 44],
    caughtBy: DAMAGE,
    sentence: 'the high watermark moves at the append',
  },
  {
    name: 'replay-a-torn-block',
    file: 'storage/disk/recovery.js',
    find: ' || crc32c(whole, headBytes, bytes) !== header.bodyCrc',
    replaceWith: '',
    workload: 'restarts',
    seeds: [10, 11],
    caughtBy: DAMAGE,
    sentence: 'a block of which only the head reached the disk is replayed',
  },
  {
    name: 'replay-an-extent-that-is-not-there',
    file: 'storage/disk/recovery.js',
    find: 'if (bytes === undefined || crc32c(bytes) !== entry.crc)',
    replaceWith: 'if (bytes === undefined)',
    workload: 'large',
    seeds: [325],
    caughtBy: DAMAGE,
    sentence: 'bytes written in place count as there when the log says so',
  },
  {
    name: 'no-sync-in-place',
    file: 'storage/disk/wal-medium.js',
    find: 'await Promise.allSettled([walSync, ...inPlace.map(({ log, writes }) => syncWrites(log, writes))]);',
    replaceWith: 'await Promise.allSettled([walSync]);',
    workload: 'records',
    seeds: [1, 6, 8],
    caughtBy: DAMAGE,
    sentence: 'what was written in place is acknowledged when only the log was synced',
  },
  {
    name: 'serve-unsynced-data',
    file: 'storage/engine.js',
    find: 'makeDurable: fsync });',
    replaceWith: 'makeDurable: false });',
    workload: 'restarts',
    seeds: [17, 45, 57],
    caughtBy: LOSS,
    sentence: 'a start serves what is only in the page cache',
  },
  {
    name: 'go-on-after-a-failed-sync',
    file: 'storage/commit-loop.js',
    find: '}, (error) => this.#options.onFailed(error));',
    replaceWith: `}, () => {
            this.#busy = false;
            if (!this.#failed)
                then();
        });`,
    workload: 'restarts',
    seeds: [3, 7],
    caughtBy: LOSS,
    sentence: 'a sync that failed counts as one that worked',
  },
  {
    name: 'forget-a-start-move',
    file: 'storage/disk/recovery.js',
    find: 'log.startOffset = Math.max(log.startOffset, entry.baseOffset);',
    replaceWith: '',
    workload: 'records',
    seeds: [4, 12],
    caughtBy: ['mark-went-back', 'broker', 'uncaught'],
    sentence: 'DeleteRecords is forgotten by a crash',
  },
  {
    name: 'start-move-told-too-early',
    file: 'storage/partition-log.js',
    find: 'this.nextStart = offset;',
    replaceWith: 'this.nextStart = this.startOffset = offset;',
    workload: 'restarts',
    seeds: [246, 300, 341],
    caughtBy: ['mark-went-back'],
    sentence: 'a log start is told before it is durable',
  },
  {
    name: 'reuse-the-log-before-segments-are-synced',
    file: 'storage/flusher.js',
    find: 'await log.segments.syncInBackground(segment);',
    replaceWith: '',
    workload: 'records',
    seeds: [1, 6, 8],
    caughtBy: DAMAGE,
    sentence: 'the write-ahead log is used again while segments are in the page cache only',
  },
  {
    name: 'new-segment-without-its-name',
    file: 'storage/disk/segments.js',
    find: `if (segment.isNew)
            await Promise.all([lease.file.sync(), this.#host.files.syncDirectory(this.directory)]);`,
    replaceWith: `if (segment.isNew)
            await lease.file.sync();`,
    workload: 'records',
    seeds: [1, 6, 8],
    caughtBy: DAMAGE,
    sentence: 'a new segment is synced and its directory is not',
  },
  {
    name: 'checkpoint-without-sync',
    file: 'storage/disk/checkpoint.js',
    find: 'await file.sync();',
    replaceWith: '',
    workload: 'records',
    seeds: [1, 8],
    caughtBy: LOSS,
    sentence: 'a checkpoint is published unsynced',
  },
  {
    name: 'checkpoint-name-without-sync',
    file: 'storage/disk/checkpoint.js',
    find: 'await this.#files.syncDirectory(this.#directory);',
    replaceWith: '',
    workload: 'records',
    seeds: [1, 8, 10],
    caughtBy: LOSS,
    sentence: 'the older checkpoint is removed and the log used again before the new name is durable',
  },
  {
    name: 'duplicate-answered-too-early',
    file: 'partition/partition.js',
    find: 'ticket: original.lastOffset < this.highWatermark ? undefined : this.#pendingTicket(),',
    replaceWith: 'ticket: undefined,',
    workload: 'retries',
    seeds: [35],
    caughtBy: LOSS,
    sentence: 'a duplicate is acknowledged before its original is durable',
  },
  {
    name: 'duplicates-not-found',
    file: 'partition/producer-state.js',
    find: 'if (slot.lastSequence === batch.lastSequence && baseSequenceOf(slot) === batch.baseSequence)',
    replaceWith: 'if (false)',
    workload: 'retries',
    seeds: [3, 5, 6],
    caughtBy: ['order', 'lost', 'repeated', 'stuck-producer'],
    sentence: 'a batch that comes again is not recognised',
  },
  {
    name: 'producers-forgotten-by-replay',
    file: 'partition/partition.js',
    find: 'this.#producers.record(producerBatch(batch), baseOffset, batches.lastOffset(batch, 0), batches.maxTimestamp(batch, 0), this.#clock.nowMs());',
    replaceWith: '',
    workload: 'retries',
    seeds: [1, 3, 5],
    caughtBy: ['repeated', 'order', 'stuck-producer'],
    sentence: 'a crash forgets the sequences after the last checkpoint',
  },
  {
    name: 'sequences-not-checked',
    file: 'partition/producer-state.js',
    find: 'return isNext(lastSequenceOf(producer), batch.baseSequence) ? ErrorCode.NONE : ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER;',
    replaceWith: 'return ErrorCode.NONE;',
    workload: 'retries',
    seeds: [1, 2, 3],
    caughtBy: ['order', 'repeated', 'lost'],
    sentence: 'a gap in the sequence is accepted',
  },
  {
    name: 'receive-buffer-written-again',
    file: 'protocol/frame-assembler.js',
    find: 'this.#start = begin + size;',
    replaceWith:
      'this.#start = begin + size; if (this.#start === this.#end && size > 20_000) this.#start = this.#end = 0;',
    workload: 'records',
    seeds: [1, 2, 3],
    caughtBy: DAMAGE,
    sentence: 'a receive buffer is filled again while requests are views of it',
  },
  {
    name: 'checkpoint-forgets-the-newest',
    file: 'storage/flusher.js',
    find: 'needed = Math.min(needed, log.firstNeededSequence);',
    replaceWith: '',
    workload: 'records',
    seeds: [1, 3, 4],
    caughtBy: LOSS,
    sentence: 'the log is used again while bytes of a partition are nowhere else',
  },
  {
    name: 'an-aborted-transaction-left-out',
    file: 'partition/partition.js',
    find: 'this.#aborted.add(marker.producerId, ended.firstOffset, offset, lastStableOffset);',
    replaceWith:
      'if (offset % 7 !== 0) this.#aborted.add(marker.producerId, ended.firstOffset, offset, lastStableOffset);',
    workload: 'transactions',
    seeds: [1, 2, 3],
    caughtBy: ['aborted-visible', 'undecided', 'torn'],
    sentence: 'readers are not told of one aborted transaction in seven',
  },
  {
    name: 'markers-forgotten-by-replay',
    file: 'partition/partition.js',
    find: 'this.#replayMarker(batch, baseOffset);',
    replaceWith: '',
    workload: 'transactions',
    seeds: [3, 5, 6],
    caughtBy: ['progress', 'mark-went-back', 'aborted-visible', 'undecided', 'torn', 'committed-hidden'],
    sentence: 'a crash forgets how transactions ended after the last checkpoint',
  },
  {
    name: 'stable-before-decided',
    file: 'partition/partition.js',
    find: 'return Math.min(this.highWatermark, Math.max(this.logStartOffset, first.firstOffset));',
    replaceWith: 'return this.highWatermark;',
    workload: 'transactions',
    seeds: [1, 2, 3],
    caughtBy: ['aborted-visible', 'undecided', 'torn'],
    sentence: 'readers of committed records are not held at open transactions',
  },
  {
    name: 'offsets-of-aborted-transactions',
    file: 'group/offsets.js',
    find: `if (!isCommitted)
            return;`,
    replaceWith: '',
    workload: 'transactions',
    seeds: [1, 2, 3],
    caughtBy: ['stale'],
    sentence: 'offsets that an aborted transaction sent become those of the group',
  },
  {
    name: 'offsets-of-committed-transactions-lost',
    file: 'group/offsets.js',
    find: 'const ended = this.#pending.end(producerId);',
    replaceWith: 'const ended = this.#pending.end(producerId); if (producerId % 2 === 0) return;',
    workload: 'transactions',
    seeds: [1, 2, 3],
    caughtBy: ['stale'],
    sentence: 'offsets of some committed transactions never become those of the group',
  },
  {
    name: 'coordinator-answers-too-early',
    file: 'coordinator/awaited-commits.js',
    find: 'storage.whenCommitted(ticket, () => {',
    replaceWith: '((_, answer) => answer())(ticket, () => {',
    workload: 'groups',
    seeds: [29, 43, 66],
    caughtBy: ['stale', 'two-owners'],
    sentence: 'a group answers before its records are durable',
  },
  {
    name: 'metadata-without-its-name',
    file: 'object-store/directory.js',
    find: "await this.#files.syncDirectory([this.#directory, ...parent].join('/'));",
    replaceWith: '',
    workload: 'topics',
    seeds: [1, 6, 8],
    caughtBy: ['stale', 'lost', 'progress', 'program', 'broker'],
    sentence: 'a metadata commit is answered before the name of its file is durable',
  },
];
