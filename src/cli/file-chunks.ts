// A file as a stream of chunks, each a buffer of its own.
import type { Files } from '../runtime/files.ts';

const CHUNK_BYTES = 256 * 1024;

export async function* fileChunks(files: Files, path: string): AsyncGenerator<Uint8Array> {
  const file = await files.open(path, 'read');
  try {
    for (let position = 0; ; ) {
      const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
      const count = await file.read(chunk, position);
      if (count === 0) return;
      position += count;
      yield chunk.subarray(0, count);
    }
  } finally {
    await file.close();
  }
}
