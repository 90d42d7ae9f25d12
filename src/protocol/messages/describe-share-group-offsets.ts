// DescribeShareGroupOffsets: where share groups stand in their partitions.
import { defineApi, type RequestInputOf, type RequestOf, type ResponseInputOf, type ResponseOf } from '../api.ts';
import { array, int16, int32, int64, string, structs, uuid } from '../schema.ts';

export const describeShareGroupOffsets = defineApi({
  key: 90,
  name: 'DescribeShareGroupOffsets',
  versions: '0-1',
  flexible: '0+',
  request: {
    groups: structs({
      groupId: string(),
      topics: structs(
        {
          topicName: string(),
          partitions: array(int32()),
        },
        { nullable: true },
      ),
    }),
  },
  response: {
    throttleTimeMs: int32(),
    groups: structs({
      groupId: string(),
      topics: structs({
        topicName: string(),
        topicId: uuid(),
        partitions: structs({
          partitionIndex: int32(),
          startOffset: int64(),
          leaderEpoch: int32(),
          lag: int64({ versions: '1+', default: -1 }),
          errorCode: int16(),
          errorMessage: string({ nullable: true, default: null }),
        }),
      }),
      errorCode: int16(),
      errorMessage: string({ nullable: true, default: null }),
    }),
  },
});

export type DescribeShareGroupOffsetsRequest = RequestOf<typeof describeShareGroupOffsets>;
export type DescribeShareGroupOffsetsResponse = ResponseOf<typeof describeShareGroupOffsets>;
export type DescribeShareGroupOffsetsRequestInput = RequestInputOf<typeof describeShareGroupOffsets>;
export type DescribeShareGroupOffsetsResponseInput = ResponseInputOf<typeof describeShareGroupOffsets>;
