// Reads a whole file; one that is absent counts as empty.
import type { Files } from '../../runtime/files.ts';

export async function readOrEmpty(files: Files, path: string): Promise<Buffer> {
  try {
    return await files.readFile(path);
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}
