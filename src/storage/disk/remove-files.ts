// Removes files one after the other; absent ones are no error.
import type { Files } from '../../runtime/files.ts';

export async function removeFiles(files: Files, paths: readonly string[]): Promise<void> {
  for (const path of paths) await files.remove(path);
}
