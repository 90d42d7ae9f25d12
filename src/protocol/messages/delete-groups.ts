// DeleteGroups: deletes groups that have no members.
import { defineApi, type RequestInputOf, type RequestOf, type ResponseInputOf, type ResponseOf } from '../api.ts';
import { array, int16, int32, string, structs } from '../schema.ts';

export const deleteGroups = defineApi({
  key: 42,
  name: 'DeleteGroups',
  versions: '0-2',
  flexible: '2+',
  request: {
    groupsNames: array(string()),
  },
  response: {
    throttleTimeMs: int32(),
    results: structs({
      groupId: string(),
      errorCode: int16(),
    }),
  },
});

export type DeleteGroupsRequest = RequestOf<typeof deleteGroups>;
export type DeleteGroupsResponse = ResponseOf<typeof deleteGroups>;
export type DeleteGroupsRequestInput = RequestInputOf<typeof deleteGroups>;
export type DeleteGroupsResponseInput = ResponseInputOf<typeof deleteGroups>;
