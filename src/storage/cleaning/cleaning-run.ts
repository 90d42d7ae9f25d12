// A round of compaction as its owner sees it: asked for one group after the other, wherever it runs. Large rounds run on a thread of
// their own where there are threads (cleaning-thread.ts is the other side), small ones in slices on the event loop.
import { RecordError } from '../../records/record-error.ts';
import type { Files } from '../../runtime/files.ts';
import type { Thread } from '../../runtime/threads.ts';
import { StorageError } from '../storage-error.ts';
import { type CleanedGroup, type CleaningEnd, type CleaningPlan, cleanLog } from './clean-log.ts';
import type { Pause } from './walk-segment.ts';

export interface CleaningRun {
  next(): Promise<IteratorResult<CleanedGroup, CleaningEnd>>;
  /** Resolves when nothing is read or written any more. */
  stop(): Promise<void>;
}

export function runInSlices(files: Files, plan: CleaningPlan, pause: Pause): CleaningRun {
  const groups = cleanLog(files, plan, pause);
  return { next: () => groups.next(), stop: async () => {} };
}

/** What the thread is started with. */
export interface ThreadPlan {
  readonly plan: CleaningPlan;
  readonly bytesPerSecondMax: number;
}

/** What it is asked, again and again, and what it answers. */
export type ThreadAnswer =
  | { readonly kind: 'step'; readonly step: IteratorResult<CleanedGroup, CleaningEnd>; readonly bytesRead: number }
  | { readonly kind: 'damage'; readonly message: string }
  | { readonly kind: 'failure'; readonly message: string };

export function runOnThread(thread: Thread, onRead: (bytes: number) => void): CleaningRun {
  return {
    async next() {
      const answer = (await thread.ask('next')) as ThreadAnswer;
      if (answer.kind === 'damage') throw new StorageError('DAMAGED', answer.message);
      if (answer.kind === 'failure') throw new StorageError('IO', answer.message);
      onRead(answer.bytesRead);
      return answer.step;
    },
    stop: () => thread.stop(),
  };
}

/** The log holds what nobody can read: trying again would not help. */
export function isDamage(error: unknown): boolean {
  return error instanceof RecordError || (error instanceof StorageError && error.code === 'DAMAGED');
}
