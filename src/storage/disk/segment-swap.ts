// Puts a cleaned segment in the place of the segments it was made from, so that a crash at any moment leaves either all of
// them or it alone. Files of a cleaned segment, which are durable before this begins:
//
//   <base>.log.cleaned   <base>.index.cleaned   <base>.timeindex.cleaned   [<base>.txnindex.cleaned]
//
//   1  indexes  .cleaned → .swap, the directory is synced
//   2  log      .cleaned → <base>-<end>.log.swap, synced: decided; what lies in [base, end) is replaced
//   3  the old segments' files → .deleted, indexes .swap → their own names, synced
//   4  log      → <base>.log, synced
//
// A start finishes what was decided, from wherever it was, and removes what was not. When one of the old segments had a
// .txnindex, so has the new one, be it empty: otherwise it could not be told whether step 3 had come to it.
import type { Files } from '../../runtime/files.ts';
import { removeFiles } from './remove-files.ts';
import { segmentBase, segmentName } from './segment.ts';

export const CLEANED_SUFFIX = '.cleaned';
const swapSuffix = '.swap';
const indexSuffixes = ['index', 'timeindex', 'txnindex'] as const;
export const SEGMENT_SUFFIXES = ['log', ...indexSuffixes] as const;

export interface Swap {
  readonly directory: string;
  readonly baseOffset: number;
  readonly endOffset: number;
  /** Base offsets of the segments that go. */
  readonly replaced: readonly number[];
  readonly hasAborted: boolean;
}

/** Nobody may use the segments meanwhile. Returns the paths of the old files, which are no part of the log any more. */
export async function swapSegments(files: Files, swap: Swap): Promise<string[]> {
  const { directory, baseOffset } = swap;
  const stem = `${directory}/${segmentName(baseOffset)}`;
  const indexes = indexSuffixes.filter((suffix) => suffix !== 'txnindex' || swap.hasAborted);
  for (const suffix of indexes) {
    await files.rename(`${stem}.${suffix}${CLEANED_SUFFIX}`, `${stem}.${suffix}${swapSuffix}`);
  }
  await files.syncDirectory(directory);
  const decided = `${directory}/${swapName(baseOffset, swap.endOffset)}`;
  await files.rename(`${stem}.log${CLEANED_SUFFIX}`, decided);
  await files.syncDirectory(directory);
  const doomed: string[] = [];
  for (const base of swap.replaced) {
    for (const suffix of base === baseOffset ? (['log'] as const) : SEGMENT_SUFFIXES) {
      const path = `${directory}/${segmentName(base)}.${suffix}`;
      if ((await files.stat(path)) === undefined) continue;
      await files.rename(path, `${path}.deleted`);
      doomed.push(`${path}.deleted`);
    }
  }
  for (const suffix of indexes) await files.rename(`${stem}.${suffix}${swapSuffix}`, `${stem}.${suffix}`);
  await files.syncDirectory(directory);
  await files.rename(decided, `${stem}.log`);
  await files.syncDirectory(directory);
  return doomed;
}

/** Finishes or undoes what a crash cut short; true when the directory holds other files afterwards. */
export async function finishSwaps(files: Files, directory: string, names: readonly string[]): Promise<boolean> {
  let changed = false;
  for (const name of names) {
    const decided = swapRange(name);
    if (decided === undefined) continue;
    await finishSwap(files, directory, names, name, decided);
    changed = true;
  }
  const left = (await unlessUnchanged(files, directory, names, changed)).filter(
    (name) => name.endsWith(CLEANED_SUFFIX) || name.endsWith(swapSuffix),
  );
  await removeFiles(
    files,
    left.map((name) => `${directory}/${name}`),
  );
  return changed || left.length > 0;
}

async function finishSwap(
  files: Files,
  directory: string,
  names: readonly string[],
  swap: string,
  range: { readonly baseOffset: number; readonly endOffset: number },
): Promise<void> {
  const stem = `${directory}/${segmentName(range.baseOffset)}`;
  const replaced = names.filter((name) =>
    SEGMENT_SUFFIXES.some((suffix) => {
      const base = segmentBase(name, suffix);
      return base !== undefined && base > range.baseOffset && base < range.endOffset;
    }),
  );
  await removeFiles(
    files,
    replaced.map((name) => `${directory}/${name}`),
  );
  for (const suffix of indexSuffixes) {
    const path = `${stem}.${suffix}`;
    if (names.includes(`${segmentName(range.baseOffset)}.${suffix}${swapSuffix}`)) {
      await files.rename(`${path}${swapSuffix}`, path);
    }
  }
  await files.syncDirectory(directory);
  await files.rename(`${directory}/${swap}`, `${stem}.log`);
  await files.syncDirectory(directory);
}

async function unlessUnchanged(
  files: Files,
  directory: string,
  names: readonly string[],
  changed: boolean,
): Promise<readonly string[]> {
  return changed ? files.list(directory) : names;
}

function swapName(baseOffset: number, endOffset: number): string {
  return `${segmentName(baseOffset)}-${segmentName(endOffset)}.log${swapSuffix}`;
}

function swapRange(name: string): { readonly baseOffset: number; readonly endOffset: number } | undefined {
  const found = /^(\d{20})-(\d{20})\.log\.swap$/.exec(name);
  return found === null ? undefined : { baseOffset: Number(found[1]), endOffset: Number(found[2]) };
}
