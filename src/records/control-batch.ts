// Control batches: one record that a broker wrote for consumers and brokers, never shown to applications.
//
//   key:   int16 version · int16 type
//   value of COMMIT and ABORT: int16 version · int32 coordinator epoch
import { buildBatch } from './build-batch.ts';
import { RecordError } from './record-error.ts';

export const ControlType = {
  ABORT: 0,
  COMMIT: 1,
  LEADER_CHANGE: 2,
  SNAPSHOT_HEADER: 3,
  SNAPSHOT_FOOTER: 4,
  KRAFT_VERSION: 5,
  KRAFT_VOTERS: 6,
  /** A type of a newer broker: to be skipped. */
  UNKNOWN: -1,
} as const;

export type ControlType = (typeof ControlType)[keyof typeof ControlType];

const KEY_BYTES = 4;
const END_MARKER_VALUE_BYTES = 6;

export interface EndTransactionMarker {
  readonly type: typeof ControlType.COMMIT | typeof ControlType.ABORT;
  readonly coordinatorEpoch: number;
}

/** The type in the key of a control batch's record. */
export function readControlType(key: Buffer | null): ControlType {
  if (key === null || key.length < KEY_BYTES) throw invalid(`a key of ${key?.length ?? 0} bytes`);
  if (key.readInt16BE(0) < 0) throw invalid(`version ${key.readInt16BE(0)}`);
  const type = key.readInt16BE(2);
  return type >= ControlType.ABORT && type <= ControlType.KRAFT_VOTERS ? (type as ControlType) : ControlType.UNKNOWN;
}

/** The marker in a control record, or undefined when the record is of another type. */
export function readEndTransactionMarker(key: Buffer | null, value: Buffer | null): EndTransactionMarker | undefined {
  const type = readControlType(key);
  if (type !== ControlType.COMMIT && type !== ControlType.ABORT) return undefined;
  if (value === null || value.length < END_MARKER_VALUE_BYTES) throw invalid(`a value of ${value?.length ?? 0} bytes`);
  if (value.readInt16BE(0) < 0) throw invalid(`value version ${value.readInt16BE(0)}`);
  return { type, coordinatorEpoch: value.readInt32BE(2) };
}

export interface MarkerToBuild extends EndTransactionMarker {
  readonly timestampMs: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseOffset?: number;
  readonly partitionLeaderEpoch?: number;
}

/** The batch that ends a transaction in one partition. */
export function buildEndTransactionMarker(marker: MarkerToBuild): Buffer {
  const value = Buffer.alloc(END_MARKER_VALUE_BYTES);
  value.writeInt32BE(marker.coordinatorEpoch, 2);
  return buildBatch({
    records: [{ timestampMs: marker.timestampMs, key: controlKey(marker.type), value }],
    baseOffset: marker.baseOffset ?? 0,
    producerId: marker.producerId,
    producerEpoch: marker.producerEpoch,
    isTransactional: true,
    isControl: true,
    ...(marker.partitionLeaderEpoch === undefined ? {} : { partitionLeaderEpoch: marker.partitionLeaderEpoch }),
  });
}

/** The key of a control record; the value's schema depends on the type. */
export function controlKey(type: Exclude<ControlType, typeof ControlType.UNKNOWN>): Buffer {
  const key = Buffer.alloc(KEY_BYTES);
  key.writeInt16BE(type, 2);
  return key;
}

function invalid(what: string): RecordError {
  return new RecordError('invalid', `Invalid control record: ${what}`);
}
