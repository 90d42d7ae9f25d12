// Puts a small file whole in the place of what is there, so that a crash leaves the one or the other.
import type { Files } from '../../runtime/files.ts';

export async function replaceFile(files: Files, directory: string, path: string, bytes: Buffer): Promise<void> {
  const fresh = `${path}.new`;
  await files.remove(fresh);
  const file = await files.open(fresh, 'create');
  try {
    await file.write([bytes], 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await files.rename(fresh, path);
  await files.syncDirectory(directory);
}
