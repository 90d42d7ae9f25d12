// Why single records of a batch are refused, in the words that Kafka's LogValidator has for it: clients show them.
import type { RecordCursor } from '../records/record-cursor.ts';
import type { AppendRules } from './append-rules.ts';

/** As in the Produce response. */
export interface RecordRefusal {
  readonly batchIndex: number;
  readonly batchIndexErrorMessage: string | null;
}

/** Kafka answers every bad record of a batch; the rest of a large batch is only counted here. */
export const RECORD_REFUSALS_MAX = 1000;

/** The bad records of one batch and the texts that Kafka gives them. */
export class RecordRefusals {
  readonly list: RecordRefusal[] = [];
  count = 0;
  hasInvalidTimestamp = false;

  keyMissing(index: number, rules: AppendRules): void {
    this.#add(index, `Compacted topic cannot accept message without key in topic partition ${rules.topicPartition}`);
  }

  timestampOutOfRange(index: number, record: RecordCursor, rules: AppendRules, nowMs: number): void {
    this.hasInvalidTimestamp = true;
    const earliest = BigInt.asIntN(64, BigInt(nowMs) - javaLong(rules.timestampBeforeMaxMs));
    const latest = BigInt.asIntN(64, BigInt(nowMs) + javaLong(rules.timestampAfterMaxMs));
    this.#add(
      index,
      `Timestamp ${record.timestampMs} of message with offset ${record.offset} is out of range. ` +
        `The timestamp should be within [${earliest}, ${latest}]`,
    );
  }

  timestampTypeClaimed(index: number, record: RecordCursor, javaName: string): void {
    this.hasInvalidTimestamp = true;
    const isPartial = javaName.startsWith('Partial');
    const keyBytes = isPartial ? record.keyLength : Math.max(0, record.keyLength);
    const valueBytes = isPartial ? record.valueLength : Math.max(0, record.valueLength);
    const fields = `offset=${record.offset}, timestamp=${record.timestampMs}, key=${keyBytes} bytes, value=${valueBytes} bytes`;
    this.#add(
      index,
      `Invalid timestamp type in message ${javaName}(${fields}). ` +
        'Producer should not set timestamp type to LogAppendTime.',
    );
  }

  /** The text for the whole batch. */
  summary(): string {
    if (this.hasInvalidTimestamp) return 'One or more records have been rejected due to invalid timestamp';
    const shown = this.list
      .slice(0, 3)
      .map((refusal) => `RecordError(batchIndex=${refusal.batchIndex}, message='${refusal.batchIndexErrorMessage}')`);
    return (
      `One or more records have been rejected due to ${this.count} record errors in total, ` +
      `and only showing the first three errors at most: [${shown.join(', ')}]`
    );
  }

  #add(batchIndex: number, batchIndexErrorMessage: string): void {
    this.count++;
    if (this.count <= RECORD_REFUSALS_MAX) this.list.push({ batchIndex, batchIndexErrorMessage });
  }
}

/** Configs hold Long.MAX_VALUE as the largest safe integer. */
function javaLong(value: number): bigint {
  return value === Number.MAX_SAFE_INTEGER ? 0x7fff_ffff_ffff_ffffn : BigInt(value);
}
