// TransactionLog, record type 0 of __transaction_state: a transactional id: its producer, state and partitions.
import { defineRecord, type RecordKeyOf, type RecordValueOf } from '../coordinator-record.ts';
import { array, int8, int16, int32, int64, string, structs } from '../schema.ts';

export const transactionLogRecord = defineRecord({
  type: 0,
  name: 'TransactionLog',
  versions: '0-1',
  flexible: '1+',
  key: {
    transactionalId: string(),
  },
  value: {
    producerId: int64(),
    previousProducerId: int64({ versions: '1+', default: -1, tag: 0 }),
    nextProducerId: int64({ versions: '1+', default: -1, tag: 1 }),
    producerEpoch: int16(),
    nextProducerEpoch: int16({ versions: '1+', default: -1, tag: 3 }),
    transactionTimeoutMs: int32(),
    transactionStatus: int8(),
    transactionPartitions: structs(
      {
        topic: string(),
        partitionIds: array(int32()),
      },
      { nullable: true },
    ),
    transactionLastUpdateTimestampMs: int64(),
    transactionStartTimestampMs: int64(),
    clientTransactionVersion: int16({ versions: '1+', default: 0, tag: 2 }),
  },
});

export type TransactionLogKey = RecordKeyOf<typeof transactionLogRecord>;
export type TransactionLogValue = RecordValueOf<typeof transactionLogRecord>;
