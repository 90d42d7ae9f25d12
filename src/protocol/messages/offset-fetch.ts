// OffsetFetch: reads the offsets that groups have committed; several groups at once since version 8. Version 10 names topics by id.
import { defineApi, type RequestInputOf, type RequestOf, type ResponseInputOf, type ResponseOf } from '../api.ts';
import { array, bool, int16, int32, int64, string, structs, uuid } from '../schema.ts';

export const offsetFetch = defineApi({
  key: 9,
  name: 'OffsetFetch',
  versions: '1-10',
  flexible: '6+',
  request: {
    groupId: string({ versions: '1-7' }),
    topics: structs(
      {
        name: string(),
        partitionIndexes: array(int32()),
      },
      { versions: '1-7', nullable: '2-7' },
    ),
    groups: structs(
      {
        groupId: string(),
        memberId: string({ versions: '9+', nullable: true, default: null }),
        memberEpoch: int32({ versions: '9+', default: -1 }),
        topics: structs(
          {
            name: string({ versions: '8-9' }),
            topicId: uuid({ versions: '10+' }),
            partitionIndexes: array(int32()),
          },
          { nullable: true },
        ),
      },
      { versions: '8+' },
    ),
    requireStable: bool({ versions: '7+', default: false }),
  },
  response: {
    throttleTimeMs: int32({ versions: '3+' }),
    topics: structs(
      {
        name: string(),
        partitions: structs({
          partitionIndex: int32(),
          committedOffset: int64(),
          committedLeaderEpoch: int32({ versions: '5-7', default: -1 }),
          metadata: string({ nullable: true }),
          errorCode: int16(),
        }),
      },
      { versions: '1-7' },
    ),
    errorCode: int16({ versions: '2-7', default: 0 }),
    groups: structs(
      {
        groupId: string(),
        topics: structs({
          name: string({ versions: '8-9' }),
          topicId: uuid({ versions: '10+' }),
          partitions: structs({
            partitionIndex: int32(),
            committedOffset: int64(),
            committedLeaderEpoch: int32({ default: -1 }),
            metadata: string({ nullable: true }),
            errorCode: int16(),
          }),
        }),
        errorCode: int16({ default: 0 }),
      },
      { versions: '8+' },
    ),
  },
});

export type OffsetFetchRequest = RequestOf<typeof offsetFetch>;
export type OffsetFetchResponse = ResponseOf<typeof offsetFetch>;
export type OffsetFetchRequestInput = RequestInputOf<typeof offsetFetch>;
export type OffsetFetchResponseInput = ResponseInputOf<typeof offsetFetch>;
