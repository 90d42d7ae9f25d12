// StreamsGroupHeartbeat: joins, keeps and leaves a streams group (KIP-1071).
import { defineApi, type RequestInputOf, type RequestOf, type ResponseInputOf, type ResponseOf } from '../api.ts';
import { array, bool, type Fields, int8, int16, int32, int64, string, struct, structs, uint16 } from '../schema.ts';

const keyValue = {
  key: string(),
  value: string(),
} satisfies Fields;

const topicInfo = {
  name: string(),
  partitions: int32(),
  replicationFactor: int16(),
  topicConfigs: structs(keyValue),
} satisfies Fields;

const taskIds = {
  subtopologyId: string(),
  partitions: array(int32()),
} satisfies Fields;

const endpoint = {
  host: string(),
  port: uint16(),
} satisfies Fields;

const taskOffset = {
  subtopologyId: string(),
  partition: int32(),
  offset: int64(),
} satisfies Fields;

const status = {
  statusCode: int8(),
  statusDetail: string(),
} satisfies Fields;

const topicPartition = {
  topic: string(),
  partitions: array(int32()),
} satisfies Fields;

export const streamsGroupHeartbeat = defineApi({
  key: 88,
  name: 'StreamsGroupHeartbeat',
  versions: '0',
  flexible: '0+',
  request: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    endpointInformationEpoch: int32(),
    instanceId: string({ nullable: true, default: null }),
    rackId: string({ nullable: true, default: null }),
    rebalanceTimeoutMs: int32({ default: -1 }),
    topology: struct(
      {
        epoch: int32(),
        subtopologies: structs({
          subtopologyId: string(),
          sourceTopics: array(string()),
          sourceTopicRegex: array(string()),
          stateChangelogTopics: structs(topicInfo),
          repartitionSinkTopics: array(string()),
          repartitionSourceTopics: structs(topicInfo),
          copartitionGroups: structs({
            sourceTopics: array(int16()),
            sourceTopicRegex: array(int16()),
            repartitionSourceTopics: array(int16()),
          }),
        }),
      },
      { nullable: true, default: null },
    ),
    activeTasks: structs(taskIds, { nullable: true, default: null }),
    standbyTasks: structs(taskIds, { nullable: true, default: null }),
    warmupTasks: structs(taskIds, { nullable: true, default: null }),
    processId: string({ nullable: true, default: null }),
    userEndpoint: struct(endpoint, { nullable: true, default: null }),
    clientTags: structs(keyValue, { nullable: true, default: null }),
    taskOffsets: structs(taskOffset, { nullable: true, default: null }),
    taskEndOffsets: structs(taskOffset, { nullable: true, default: null }),
    shutdownApplication: bool({ default: false }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: true, default: null }),
    memberId: string(),
    memberEpoch: int32(),
    heartbeatIntervalMs: int32(),
    acceptableRecoveryLag: int32(),
    taskOffsetIntervalMs: int32(),
    status: structs(status, { nullable: true }),
    activeTasks: structs(taskIds, { nullable: true, default: null }),
    standbyTasks: structs(taskIds, { nullable: true, default: null }),
    warmupTasks: structs(taskIds, { nullable: true, default: null }),
    endpointInformationEpoch: int32(),
    partitionsByUserEndpoint: structs(
      {
        userEndpoint: struct(endpoint),
        activePartitions: structs(topicPartition),
        standbyPartitions: structs(topicPartition),
      },
      { nullable: true, default: null },
    ),
  },
});

export type StreamsGroupHeartbeatRequest = RequestOf<typeof streamsGroupHeartbeat>;
export type StreamsGroupHeartbeatResponse = ResponseOf<typeof streamsGroupHeartbeat>;
export type StreamsGroupHeartbeatRequestInput = RequestInputOf<typeof streamsGroupHeartbeat>;
export type StreamsGroupHeartbeatResponseInput = ResponseInputOf<typeof streamsGroupHeartbeat>;
