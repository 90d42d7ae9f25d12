// DeleteTopics: deletes topics by name or, since version 6, by id.
import { defineApi, type RequestInputOf, type RequestOf, type ResponseInputOf, type ResponseOf } from '../api.ts';
import { array, int16, int32, string, structs, uuid } from '../schema.ts';

export const deleteTopics = defineApi({
  key: 20,
  name: 'DeleteTopics',
  versions: '1-6',
  flexible: '4+',
  request: {
    topics: structs(
      {
        name: string({ nullable: true, default: null }),
        topicId: uuid(),
      },
      { versions: '6+' },
    ),
    topicNames: array(string(), { versions: '1-5' }),
    timeoutMs: int32(),
  },
  response: {
    throttleTimeMs: int32(),
    responses: structs({
      name: string({ nullable: '6+' }),
      topicId: uuid({ versions: '6+' }),
      errorCode: int16(),
      errorMessage: string({ versions: '5+', nullable: true, default: null }),
    }),
  },
});

export type DeleteTopicsRequest = RequestOf<typeof deleteTopics>;
export type DeleteTopicsResponse = ResponseOf<typeof deleteTopics>;
export type DeleteTopicsRequestInput = RequestInputOf<typeof deleteTopics>;
export type DeleteTopicsResponseInput = ResponseInputOf<typeof deleteTopics>;
