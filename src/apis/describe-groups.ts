// DescribeGroups, versions 0 to 6.
//
// Behaviour: state and members of classic groups. One that does not exist, or is a consumer group, is Dead and has no
// error before version 6, GROUP_ID_NOT_FOUND from then on.
//
// Deviations: none known. KIPs: 345, 430 (authorized operations), 1043 (GROUP_ID_NOT_FOUND). Source: GroupMetadataManager.describeGroups.
import type { GroupCoordinator } from '../group/coordinator.ts';
import type { DescribedClassicGroup, Group } from '../group/group-kinds.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type DescribeGroupsRequest,
  type DescribeGroupsResponseInput,
  describeGroups,
} from '../protocol/messages/describe-groups.ts';
import type { ApiHandler } from './api.ts';
import { ALL_GROUP_OPERATIONS } from './authorized-operations.ts';

type Dependencies = { readonly groups: GroupCoordinator };

const FIRST_VERSION_WITH_NOT_FOUND = 6;

export function describeGroupsHandler({
  groups,
}: Dependencies): ApiHandler<DescribeGroupsRequest, DescribeGroupsResponseInput> {
  return {
    api: describeGroups,
    minVersion: 0,
    maxVersion: 6,
    dispatch(request, { apiVersion }, reply) {
      groups.callEach<string, DescribedClassicGroup>(
        request.groups,
        (groupId) => groupId,
        (groupId) => ({
          reads: true,
          refused: (errorCode) => refusedGroup(groupId, errorCode),
          step(shard, to) {
            const response = described(shard.groups.get(groupId), groupId, apiVersion);
            const mayShow = request.includeAuthorizedOperations && response.errorCode === ErrorCode.NONE;
            const operations = mayShow ? { authorizedOperations: ALL_GROUP_OPERATIONS } : {};
            return [{ type: 'reply', to, response: { ...response, ...operations } }];
          },
        }),
        (answers) => reply({ groups: answers }),
      );
    },
  };
}

function described(group: Group | undefined, groupId: string, apiVersion: number): DescribedClassicGroup {
  if (group?.type === 'classic') return group.describe();
  if (apiVersion < FIRST_VERSION_WITH_NOT_FOUND) return absent(groupId, ErrorCode.NONE, null);
  const sentence = group === undefined ? `Group ${groupId} not found.` : `Group ${groupId} is not a classic group.`;
  return absent(groupId, ErrorCode.GROUP_ID_NOT_FOUND, sentence);
}

/** Of which not even the state is told. */
export function refusedGroup(groupId: string, errorCode: number): DescribedClassicGroup {
  return { ...absent(groupId, errorCode, null), groupState: '' };
}

function absent(groupId: string, errorCode: number, errorMessage: string | null): DescribedClassicGroup {
  return { errorCode, errorMessage, groupId, groupState: 'Dead', protocolType: '', protocolData: '', members: [] };
}
