// StreamsGroupDescribe: state and members of streams groups (KIP-1071).
import { defineApi, type RequestInputOf, type RequestOf, type ResponseInputOf, type ResponseOf } from '../api.ts';
import { array, bool, type Fields, int16, int32, int64, string, struct, structs, uint16 } from '../schema.ts';

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

const endpoint = {
  host: string(),
  port: uint16(),
} satisfies Fields;

const taskOffset = {
  subtopologyId: string(),
  partition: int32(),
  offset: int64(),
} satisfies Fields;

const taskIds = {
  subtopologyId: string(),
  partitions: array(int32()),
} satisfies Fields;

const assignment = {
  activeTasks: structs(taskIds),
  standbyTasks: structs(taskIds),
  warmupTasks: structs(taskIds),
} satisfies Fields;

export const streamsGroupDescribe = defineApi({
  key: 89,
  name: 'StreamsGroupDescribe',
  versions: '0',
  flexible: '0+',
  request: {
    groupIds: array(string()),
    includeAuthorizedOperations: bool(),
  },
  response: {
    throttleTimeMs: int32(),
    groups: structs({
      errorCode: int16(),
      errorMessage: string({ nullable: true, default: null }),
      groupId: string(),
      groupState: string(),
      groupEpoch: int32(),
      assignmentEpoch: int32(),
      topology: struct(
        {
          epoch: int32(),
          subtopologies: structs(
            {
              subtopologyId: string(),
              sourceTopics: array(string()),
              repartitionSinkTopics: array(string()),
              stateChangelogTopics: structs(topicInfo),
              repartitionSourceTopics: structs(topicInfo),
            },
            { nullable: true, default: null },
          ),
        },
        { nullable: true, default: null },
      ),
      members: structs({
        memberId: string(),
        memberEpoch: int32(),
        instanceId: string({ nullable: true, default: null }),
        rackId: string({ nullable: true, default: null }),
        clientId: string(),
        clientHost: string(),
        topologyEpoch: int32(),
        processId: string(),
        userEndpoint: struct(endpoint, { nullable: true, default: null }),
        clientTags: structs(keyValue),
        taskOffsets: structs(taskOffset),
        taskEndOffsets: structs(taskOffset),
        assignment: struct(assignment),
        targetAssignment: struct(assignment),
        isClassic: bool(),
      }),
      authorizedOperations: int32({ default: -0x80000000 }),
    }),
  },
});

export type StreamsGroupDescribeRequest = RequestOf<typeof streamsGroupDescribe>;
export type StreamsGroupDescribeResponse = ResponseOf<typeof streamsGroupDescribe>;
export type StreamsGroupDescribeRequestInput = RequestInputOf<typeof streamsGroupDescribe>;
export type StreamsGroupDescribeResponseInput = ResponseInputOf<typeof streamsGroupDescribe>;
