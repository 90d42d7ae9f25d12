// Who may write, read and look at records: Produce, ListOffsets, DeleteRecords, OffsetForLeaderEpoch. (Fetch asks by itself, because its
// partitions are those of its session.)
import { AclOperation } from '../../protocol/acl-codes.ts';
import { ErrorCode } from '../../protocol/error-code.ts';
import type { DeleteRecordsRequest, DeleteRecordsResponseInput } from '../../protocol/messages/delete-records.ts';
import type { ListOffsetsRequest, ListOffsetsResponseInput } from '../../protocol/messages/list-offsets.ts';
import type {
  OffsetForLeaderEpochRequest,
  OffsetForLeaderEpochResponseInput,
} from '../../protocol/messages/offset-for-leader-epoch.ts';
import type { ProduceRequest, ProduceResponseInput } from '../../protocol/messages/produce.ts';
import { type Authorization, onlyTopics, split } from './authorization.ts';

const { CLUSTER_ACTION, DELETE, DESCRIBE, WRITE } = AclOperation;
const { TOPIC_AUTHORIZATION_FAILED, TRANSACTIONAL_ID_AUTHORIZATION_FAILED } = ErrorCode;

const FIRST_PRODUCE_VERSION_WITH_TOPIC_IDS = 13;
const ATTRIBUTES_OFFSET = 21;
const TRANSACTIONAL_FLAG = 0x10;

type TopicData = ProduceRequest['topicData'][number];

export const produceAuthorization: Authorization<ProduceRequest, ProduceResponseInput> = {
  checks: [
    { operation: 'WRITE', resource: 'TRANSACTIONAL_ID', otherwise: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED' },
    { operation: 'WRITE', resource: 'TOPIC', otherwise: 'TOPIC_AUTHORIZATION_FAILED' },
  ],
  narrow(request, ask) {
    const { transactionalId, topicData } = request;
    const isTransactional = transactionalId !== null || topicData.some(hasTransactionalRecords);
    if (isTransactional && (transactionalId === null || !ask.transactionalId(WRITE, transactionalId))) {
      return { denied: TRANSACTIONAL_ID_AUTHORIZATION_FAILED };
    }
    const byId = ask.context.apiVersion >= FIRST_PRODUCE_VERSION_WITH_TOPIC_IDS;
    const { allowed, denied } = split(topicData, ({ name, topicId }) => {
      const found = byId ? ask.nameOf(topicId) : name;
      return found === undefined || ask.topic(WRITE, found);
    });
    if (denied.length === 0) return { request };
    const responses = denied.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index }) => ({
        index,
        errorCode: TOPIC_AUTHORIZATION_FAILED,
        baseOffset: -1,
      })),
    }));
    // Who asked for no answer learns it by losing the connection, as in Kafka.
    if (request.acks === 0) ask.context.connection.close('it produced with acks=0 to a topic it may not write to');
    return {
      request: { ...request, topicData: allowed },
      complete: (response) => ({ ...response, responses: [...response.responses, ...responses] }),
    };
  },
};

function hasTransactionalRecords({ partitionData }: TopicData): boolean {
  return partitionData.some(
    ({ records }) =>
      records !== null &&
      records.length >= ATTRIBUTES_OFFSET + 2 &&
      (records.readInt16BE(ATTRIBUTES_OFFSET) & TRANSACTIONAL_FLAG) !== 0,
  );
}

export const listOffsetsAuthorization: Authorization<ListOffsetsRequest, ListOffsetsResponseInput> = {
  checks: [{ operation: 'DESCRIBE', resource: 'TOPIC', otherwise: 'TOPIC_AUTHORIZATION_FAILED' }],
  narrow(request, ask) {
    const { allowed, denied } = split(request.topics, ({ name }) => ask.topic(DESCRIBE, name));
    if (denied.length === 0) return { request };
    const topics = denied.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: TOPIC_AUTHORIZATION_FAILED })),
    }));
    return onlyTopics(request, allowed, topics);
  },
};

export const deleteRecordsAuthorization: Authorization<DeleteRecordsRequest, DeleteRecordsResponseInput> = {
  checks: [{ operation: 'DELETE', resource: 'TOPIC', otherwise: 'TOPIC_AUTHORIZATION_FAILED' }],
  narrow(request, ask) {
    const { allowed, denied } = split(request.topics, ({ name }) => ask.topic(DELETE, name));
    if (denied.length === 0) return { request };
    const topics = denied.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        lowWatermark: -1,
        errorCode: TOPIC_AUTHORIZATION_FAILED,
      })),
    }));
    return onlyTopics(request, allowed, topics);
  },
};

export const offsetForLeaderEpochAuthorization: Authorization<
  OffsetForLeaderEpochRequest,
  OffsetForLeaderEpochResponseInput
> = {
  checks: [
    { operation: 'CLUSTER_ACTION', resource: 'CLUSTER', otherwise: 'the next is asked' },
    { operation: 'DESCRIBE', resource: 'TOPIC', otherwise: 'TOPIC_AUTHORIZATION_FAILED' },
  ],
  narrow(request, ask) {
    if (ask.cluster(CLUSTER_ACTION, 'allowed')) return { request };
    const { allowed, denied } = split(request.topics, ({ topic }) => ask.topic(DESCRIBE, topic));
    if (denied.length === 0) return { request };
    const topics = denied.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition }) => ({ partition, errorCode: TOPIC_AUTHORIZATION_FAILED })),
    }));
    return onlyTopics(request, allowed, topics);
  },
};
