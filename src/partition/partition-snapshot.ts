// What a partition keeps in step with its log, as bytes in the checkpoint. Layout, big endian:
//
//   version int8 = 2 | leader epochs (leader-epochs.ts) | producers (producer-state.ts)
//                    | aborted transactions (storage/aborted-index.ts)
//
// Version 1, which is still read, knew no transactions. A version that is not known is a newer format: refused, never guessed.
import type { AbortedEntries } from '../storage/aborted-index.ts';
import type { LeaderEpochs } from './leader-epochs.ts';
import type { ProducerState } from './producer-state.ts';

const VERSION = 2;

export class PartitionSnapshotError extends Error {
  readonly code = 'UNKNOWN_SNAPSHOT_VERSION';
  override readonly name = 'PartitionSnapshotError';
}

export interface SnapshotParts {
  readonly epochs: LeaderEpochs;
  readonly producers: ProducerState;
  readonly aborted: AbortedEntries;
}

/** A new buffer, owned by the caller. */
export function encodeSnapshot({ epochs, producers, aborted }: SnapshotParts): Buffer {
  const bytes = Buffer.allocUnsafe(1 + epochs.encodedBytes + producers.encodedBytes + aborted.encodedBytes);
  let at = epochs.encode(bytes, bytes.writeInt8(VERSION, 0));
  at = producers.encode(bytes, at);
  aborted.encode(bytes, at);
  return bytes;
}

export function decodeSnapshot(snapshot: Uint8Array, { epochs, producers, aborted }: SnapshotParts): void {
  const bytes = Buffer.from(snapshot.buffer, snapshot.byteOffset, snapshot.byteLength);
  const version = bytes.readInt8(0);
  if (version !== 1 && version !== VERSION) {
    throw new PartitionSnapshotError(
      `the checkpoint holds partition state of version ${version}, this is version ${VERSION}`,
    );
  }
  const at = producers.decode(bytes, epochs.decode(bytes, 1), version);
  if (version > 1) aborted.decode(bytes, at);
}
