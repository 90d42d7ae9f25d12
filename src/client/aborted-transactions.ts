// Which batches of a fetch answer a reader sees: never control batches, and for `read_committed` not those of aborted
// transactions. As Kafka's consumer (CompletedFetch): an aborted transaction hides its producer's transactional batches from its first
// offset up to that producer's abort marker.
import { ControlType, readControlType } from '../records/control-batch.ts';
import type { ReadBatch } from '../records/read-batches.ts';

export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** Every batch, in order; those to be hidden are marked, because the position moves over them too. `aborted` null: hide control batches only. */
export function* readable(
  batches: Iterable<ReadBatch>,
  aborted: readonly AbortedTransaction[] | null,
): Generator<{ readonly batch: ReadBatch; readonly isReadable: boolean }> {
  const toCome = [...(aborted ?? [])].sort((a, b) => a.firstOffset - b.firstOffset);
  const hiding = new Set<number>();
  for (const batch of batches) {
    while (toCome.length > 0 && toCome[0]!.firstOffset <= batch.lastOffset) {
      hiding.add(toCome.shift()!.producerId);
    }
    if (batch.isControl) {
      if (isAbortMarker(batch)) {
        hiding.delete(batch.producerId);
      }
      yield { batch, isReadable: false };
    } else {
      yield { batch, isReadable: !(batch.isTransactional && hiding.has(batch.producerId)) };
    }
  }
}

function isAbortMarker(batch: ReadBatch): boolean {
  for (const record of batch.records()) {
    return record.key !== null && readControlType(record.key) === ControlType.ABORT;
  }
  return false;
}
