// The end of a transaction in one partition: what a transaction coordinator (or an admin, WriteTxnMarkers) asks a partition
// to write, and what is found of it again in a control batch.
import type { ErrorCode } from '../protocol/error-code.ts';
import { ControlType, readEndTransactionMarker } from '../records/control-batch.ts';
import { openRecords } from '../records/record-cursor.ts';
import type { CommitTicket } from '../storage/storage.ts';

export interface EndMarker {
  readonly type: typeof ControlType.COMMIT | typeof ControlType.ABORT;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
  /** 0 to 2; with 2 the producer epoch must have risen since the transaction's records (KIP-890). */
  readonly transactionVersion: number;
}

/** Appends the marker to that partition; everything that the answer tells is durable with the ticket. */
export type WriteMarker = (
  topic: string,
  partition: number,
  marker: EndMarker,
) => { readonly errorCode: ErrorCode; readonly ticket: CommitTicket | undefined };

export interface FoundMarker {
  readonly isAbort: boolean;
  readonly coordinatorEpoch: number;
  readonly timestampMs: number;
}

/** The marker in a control batch of the log; undefined when the batch says something else, or was emptied by compaction. */
export function markerIn(batch: Buffer): FoundMarker | undefined {
  const record = openRecords(batch, 0);
  if (!record.next()) return undefined;
  const marker = readEndTransactionMarker(record.key(), record.value());
  if (marker === undefined) return undefined;
  const { type, coordinatorEpoch } = marker;
  return { isAbort: type === ControlType.ABORT, coordinatorEpoch, timestampMs: record.timestampMs };
}
