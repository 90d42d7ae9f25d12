// Requests and answers as plain data for the journal: no views of memory that the broker uses again, records summed up.
import { readBatches } from '../records/read-batches.ts';
import { RecordError } from '../records/record-error.ts';

/** What the journal keeps of a batch of records. */
export interface BatchSummary {
  /** In a Produce request still what the producer wrote: 0. */
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly records: number | null;
  readonly bytes: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly transactional: boolean;
  readonly control: boolean;
}

/** Longer lists and texts are cut: the journal is for people, and has a limit. */
const ELEMENTS_MAX = 200;
const TEXT_MAX = 1_000;

export function plain(value: unknown, field = ''): unknown {
  if (ArrayBuffer.isView(value)) return ofBytes(field, [asBuffer(value)]);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'string') return value.length > TEXT_MAX ? `${value.slice(0, TEXT_MAX)}…` : value;
  if (Array.isArray(value)) {
    if (field === 'records' && value.every((part) => ArrayBuffer.isView(part)))
      return ofBytes(field, value.map(asBuffer));
    return value.slice(0, ELEMENTS_MAX).map((element) => plain(element));
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner, name)]));
}

function ofBytes(field: string, parts: readonly Buffer[]): unknown {
  if (field === 'records') return summaries(Buffer.concat(parts));
  return `<${parts.reduce((sum, part) => sum + part.length, 0)} bytes>`;
}

export function summaries(records: Buffer): BatchSummary[] {
  const found: BatchSummary[] = [];
  try {
    for (const batch of readBatches(records)) {
      found.push({
        baseOffset: batch.baseOffset,
        lastOffset: batch.lastOffset,
        records: batch.recordCount,
        bytes: batch.bytes.length,
        producerId: batch.producerId,
        producerEpoch: batch.producerEpoch,
        baseSequence: batch.baseSequence,
        transactional: batch.isTransactional,
        control: batch.isControl,
      });
    }
  } catch (error) {
    // Broken batches are the broker's to refuse; what was readable stays in the journal.
    if (!(error instanceof RecordError)) throw error;
  }
  return found;
}

function asBuffer(view: ArrayBufferView): Buffer {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength);
}
