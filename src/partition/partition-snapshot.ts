// What a partition keeps in step with its log, as bytes in the checkpoint. Layout, big endian:
//
//   version int8 = 1 | leader epochs (leader-epochs.ts) | producers (producer-state.ts)
//
// A version that is not known is a newer format: refused, never guessed.
import type { LeaderEpochs } from './leader-epochs.ts';
import type { ProducerState } from './producer-state.ts';

const VERSION = 1;

export class PartitionSnapshotError extends Error {
  readonly code = 'UNKNOWN_SNAPSHOT_VERSION';
  override readonly name = 'PartitionSnapshotError';
}

/** A new buffer, owned by the caller. */
export function encodeSnapshot(epochs: LeaderEpochs, producers: ProducerState): Buffer {
  const bytes = Buffer.allocUnsafe(1 + epochs.encodedBytes + producers.encodedBytes);
  const at = epochs.encode(bytes, bytes.writeInt8(VERSION, 0));
  producers.encode(bytes, at);
  return bytes;
}

export function decodeSnapshot(snapshot: Uint8Array, epochs: LeaderEpochs, producers: ProducerState): void {
  const bytes = Buffer.from(snapshot.buffer, snapshot.byteOffset, snapshot.byteLength);
  const version = bytes.readInt8(0);
  if (version !== VERSION) {
    throw new PartitionSnapshotError(
      `the checkpoint holds partition state of version ${version}, this is version ${VERSION}`,
    );
  }
  producers.decode(bytes, epochs.decode(bytes, 1));
}
