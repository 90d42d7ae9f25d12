// A file as a stream of chunks, each a buffer of its own.
import { FileError, type Files } from '../runtime/files.ts';
import { CommandFailure } from './command-failure.ts';

const CHUNK_BYTES = 256 * 1024;

export async function* fileChunks(files: Files, path: string): AsyncGenerator<Uint8Array> {
  const file = await files.open(path, 'read').catch((error) => refuse(path, error));
  try {
    for (let position = 0; ; ) {
      const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
      const count = await file.read(chunk, position).catch((error) => refuse(path, error));
      if (count === 0) return;
      position += count;
      yield chunk.subarray(0, count);
    }
  } finally {
    await file.close();
  }
}

function refuse(path: string, error: unknown): never {
  if (!(error instanceof FileError)) throw error;
  throw new CommandFailure(`--file ${path} cannot be read (${error.code}); name a readable file.`, 1, error);
}
