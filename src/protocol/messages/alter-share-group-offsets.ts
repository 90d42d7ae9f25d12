// AlterShareGroupOffsets: moves the start of share groups in partitions.
import { defineApi, type RequestInputOf, type RequestOf, type ResponseInputOf, type ResponseOf } from '../api.ts';
import { int16, int32, int64, string, structs, uuid } from '../schema.ts';

export const alterShareGroupOffsets = defineApi({
  key: 91,
  name: 'AlterShareGroupOffsets',
  versions: '0',
  flexible: '0+',
  request: {
    groupId: string(),
    topics: structs({
      topicName: string(),
      partitions: structs({
        partitionIndex: int32(),
        startOffset: int64(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: true, default: null }),
    responses: structs({
      topicName: string(),
      topicId: uuid(),
      partitions: structs({
        partitionIndex: int32(),
        errorCode: int16(),
        errorMessage: string({ nullable: true, default: null }),
      }),
    }),
  },
});

export type AlterShareGroupOffsetsRequest = RequestOf<typeof alterShareGroupOffsets>;
export type AlterShareGroupOffsetsResponse = ResponseOf<typeof alterShareGroupOffsets>;
export type AlterShareGroupOffsetsRequestInput = RequestInputOf<typeof alterShareGroupOffsets>;
export type AlterShareGroupOffsetsResponseInput = ResponseInputOf<typeof alterShareGroupOffsets>;
