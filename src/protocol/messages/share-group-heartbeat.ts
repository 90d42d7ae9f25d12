// ShareGroupHeartbeat: joins, keeps and leaves a share group (KIP-932).
import { defineApi, type RequestInputOf, type RequestOf, type ResponseInputOf, type ResponseOf } from '../api.ts';
import { array, type Fields, int16, int32, string, struct, structs, uuid } from '../schema.ts';

const topicPartitions = {
  topicId: uuid(),
  partitions: array(int32()),
} satisfies Fields;

export const shareGroupHeartbeat = defineApi({
  key: 76,
  name: 'ShareGroupHeartbeat',
  versions: '1',
  flexible: '1+',
  request: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    rackId: string({ nullable: true, default: null }),
    subscribedTopicNames: array(string(), { nullable: true, default: null }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: true, default: null }),
    memberId: string({ nullable: true, default: null }),
    memberEpoch: int32(),
    heartbeatIntervalMs: int32(),
    assignment: struct(
      {
        topicPartitions: structs(topicPartitions),
      },
      { nullable: true, default: null },
    ),
  },
});

export type ShareGroupHeartbeatRequest = RequestOf<typeof shareGroupHeartbeat>;
export type ShareGroupHeartbeatResponse = ResponseOf<typeof shareGroupHeartbeat>;
export type ShareGroupHeartbeatRequestInput = RequestInputOf<typeof shareGroupHeartbeat>;
export type ShareGroupHeartbeatResponseInput = ResponseInputOf<typeof shareGroupHeartbeat>;
