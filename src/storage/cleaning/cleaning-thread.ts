// The side of a thread on which a round of compaction runs: the same steps as on the event loop, over files that are read and
// written without the pool of threads that the event loop's own I/O needs.
import { loadCompression } from '../../records/compression.ts';
import type { Files, OpenFile } from '../../runtime/files.ts';
import type { Clock, Timers } from '../../runtime/runtime.ts';
import { type CleanedGroup, type CleaningEnd, type CleaningPlan, cleanLog } from './clean-log.ts';
import { isDamage, type ThreadAnswer, type ThreadPlan } from './cleaning-run.ts';
import { restingPace } from './pace.ts';

interface World {
  readonly files: Files;
  readonly clock: Clock;
  readonly timers: Timers;
}

/** What the thread answers to each message: one more group, or the end. */
export function cleaningThread({ files, clock, timers }: World): (data: unknown) => Promise<ThreadAnswer> {
  let groups: AsyncGenerator<CleanedGroup, CleaningEnd> | undefined;
  let bytesRead = 0;
  const begin = async ({ plan, bytesPerSecondMax }: ThreadPlan): Promise<AsyncGenerator<CleanedGroup, CleaningEnd>> => {
    await loadCompression();
    const pace = restingPace({ clock, timers, bytesPerSecondMax });
    return cleanLog(withoutPool(files), ownBuffers(plan), (bytes) => {
      bytesRead += bytes;
      return pace(bytes);
    });
  };
  return async (data) => {
    try {
      groups ??= await begin(data as ThreadPlan);
      const step = await groups.next();
      const read = bytesRead;
      bytesRead = 0;
      return { kind: 'step', step, bytesRead: read };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return { kind: isDamage(error) ? 'damage' : 'failure', message };
    }
  };
}

/** Copying between threads leaves plain bytes. */
function ownBuffers(plan: CleaningPlan): CleaningPlan {
  const { buffer, byteOffset, length } = plan.aborted;
  return { ...plan, aborted: Buffer.from(buffer, byteOffset, length) };
}

function withoutPool(files: Files): Files {
  return new Proxy(files, {
    get(target, name) {
      if (name === 'open')
        return async (path: string, mode: 'read' | 'write' | 'create') => blocking(await target.open(path, mode));
      const member = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

function blocking(file: OpenFile): OpenFile {
  return {
    path: file.path,
    sizeSync: () => file.sizeSync(),
    read: async (into, position) => file.readSync(into, position),
    readSync: (into, position) => file.readSync(into, position),
    writeSync: (parts, position) => file.writeSync(parts, position),
    write: async (parts, position) => file.writeSync(parts, position),
    sync: () => file.sync(),
    truncateSync: (sizeBytes) => file.truncateSync(sizeBytes),
    close: () => file.close(),
  };
}
