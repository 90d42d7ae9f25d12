// A transactional id as it stands in `__transaction_state`: one record for each change, the newest counts, null forgets it.
// Source: TransactionLog of Kafka 4.3.
import type { CoordinatorRecord } from '../coordinator/effects.ts';
import {
  decodeRecordKey,
  decodeRecordValue,
  encodeRecordKey,
  encodeRecordValue,
  recordType,
} from '../protocol/coordinator-record.ts';
import { type TransactionLogValue, transactionLogRecord } from '../protocol/coordinator-records/transaction-log.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import { NO_PRODUCER_EPOCH } from '../records/record-batch.ts';
import { NO_PARTITIONS, type TransactionMetadata } from './transaction-metadata.ts';
import { idOfState, stateInRecord, TransactionState } from './transaction-state.ts';

/** Null: the id is forgotten. */
export interface DecodedTransaction {
  readonly transactionalId: string;
  readonly metadata: TransactionMetadata | null;
}

/** The `transaction.version` in force says how much of it can be written: ids before and after only from 1 on. */
export function encodeTransaction(
  transactionalId: string,
  metadata: TransactionMetadata,
  transactionVersion: number,
): CoordinatorRecord {
  const isEmpty = metadata.state === TransactionState.EMPTY;
  const value = encodeRecordValue(transactionLogRecord, transactionVersion >= 1 ? 1 : 0, {
    producerId: metadata.producerId,
    previousProducerId: metadata.previousProducerId,
    nextProducerId: metadata.nextProducerId,
    producerEpoch: metadata.producerEpoch,
    transactionTimeoutMs: metadata.timeoutMs,
    transactionStatus: idOfState(metadata.state),
    transactionPartitions: isEmpty
      ? null
      : [...metadata.partitions].map(([topic, partitionIds]) => ({ topic, partitionIds: [...partitionIds] })),
    transactionLastUpdateTimestampMs: metadata.lastUpdateTimestampMs,
    transactionStartTimestampMs: metadata.startTimestampMs,
    clientTransactionVersion: metadata.clientTransactionVersion,
  });
  return { key: encodeRecordKey(transactionLogRecord, { transactionalId }), value };
}

export function tombstoneOf(transactionalId: string): CoordinatorRecord {
  return { key: encodeRecordKey(transactionLogRecord, { transactionalId }), value: null };
}

/** Undefined for a type of record that this version does not know. Throws ProtocolError when it cannot be read. */
export function decodeTransaction({ key, value }: CoordinatorRecord): DecodedTransaction | undefined {
  if (recordType(key) !== transactionLogRecord.type) return undefined;
  const { transactionalId } = decodeRecordKey(transactionLogRecord, key);
  if (value === null) return { transactionalId, metadata: null };
  return { transactionalId, metadata: metadataOf(decodeRecordValue(transactionLogRecord, value)) };
}

function metadataOf(value: TransactionLogValue): TransactionMetadata {
  const state = stateInRecord(value.transactionStatus);
  if (state === undefined) throw new ProtocolError('malformed', `a transaction of state ${value.transactionStatus}`);
  return {
    producerId: value.producerId,
    previousProducerId: value.previousProducerId,
    nextProducerId: value.nextProducerId,
    producerEpoch: value.producerEpoch,
    lastProducerEpoch: NO_PRODUCER_EPOCH,
    timeoutMs: value.transactionTimeoutMs,
    state,
    partitions:
      state === TransactionState.EMPTY
        ? NO_PARTITIONS
        : new Map(value.transactionPartitions?.map(({ topic, partitionIds }) => [topic, new Set(partitionIds)])),
    startTimestampMs: value.transactionStartTimestampMs,
    lastUpdateTimestampMs: value.transactionLastUpdateTimestampMs,
    clientTransactionVersion: value.clientTransactionVersion,
  };
}
