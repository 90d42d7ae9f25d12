// Node's module hook that changes one file while it is loaded.
import type { LoadHook } from 'node:module';
import type { PlantedBug } from './bugs.ts';

let bug: PlantedBug | undefined;

export function initialize(data: PlantedBug): void {
  bug = data;
}

export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context);
  if (bug === undefined || !url.endsWith(`/dist/src/${bug.file}`)) return loaded;
  return { ...loaded, source: planted(String(loaded.source), bug) };
};

/** Throws when the place is not there exactly once. */
export function planted(source: string, { name, file, find, replaceWith }: PlantedBug): string {
  const parts = source.split(find);
  if (parts.length === 2) return parts.join(replaceWith);
  throw new Error(`the planted bug ${name} has its place in ${file} ${parts.length - 1} times, not once`);
}
