// AddPartitionsToTxn: adds partitions to a transaction; in batches between brokers since version 4.
import { defineApi, type RequestInputOf, type RequestOf, type ResponseInputOf, type ResponseOf } from '../api.ts';
import { array, bool, type Fields, int16, int32, int64, string, structs } from '../schema.ts';

const addPartitionsToTxnTopic = {
  name: string(),
  partitions: array(int32()),
} satisfies Fields;

const addPartitionsToTxnPartitionResult = {
  partitionIndex: int32(),
  partitionErrorCode: int16(),
} satisfies Fields;

const addPartitionsToTxnTopicResult = {
  name: string(),
  resultsByPartition: structs(addPartitionsToTxnPartitionResult),
} satisfies Fields;

export const addPartitionsToTxn = defineApi({
  key: 24,
  name: 'AddPartitionsToTxn',
  versions: '0-5',
  flexible: '3+',
  request: {
    transactions: structs(
      {
        transactionalId: string(),
        producerId: int64(),
        producerEpoch: int16(),
        verifyOnly: bool({ default: false }),
        topics: structs(addPartitionsToTxnTopic),
      },
      { versions: '4+' },
    ),
    v3AndBelowTransactionalId: string({ versions: '0-3' }),
    v3AndBelowProducerId: int64({ versions: '0-3' }),
    v3AndBelowProducerEpoch: int16({ versions: '0-3' }),
    v3AndBelowTopics: structs(addPartitionsToTxnTopic, { versions: '0-3' }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: '4+' }),
    resultsByTransaction: structs(
      {
        transactionalId: string(),
        topicResults: structs(addPartitionsToTxnTopicResult),
      },
      { versions: '4+' },
    ),
    resultsByTopicV3AndBelow: structs(addPartitionsToTxnTopicResult, { versions: '0-3' }),
  },
});

export type AddPartitionsToTxnRequest = RequestOf<typeof addPartitionsToTxn>;
export type AddPartitionsToTxnResponse = ResponseOf<typeof addPartitionsToTxn>;
export type AddPartitionsToTxnRequestInput = RequestInputOf<typeof addPartitionsToTxn>;
export type AddPartitionsToTxnResponseInput = ResponseInputOf<typeof addPartitionsToTxn>;
