// DeleteGroups, versions 0 to 2.
//
// Behaviour: deletes groups that have no members, with their offsets: NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND. A group named
// twice is deleted and answered once.
//
// Deviations: none known. KIPs: 229. Source: GroupCoordinatorShard.deleteGroups.
import type { GroupCoordinator } from '../group/coordinator.ts';
import type { GroupShard } from '../group/group-shard.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type DeleteGroupsRequest,
  type DeleteGroupsResponseInput,
  deleteGroups,
} from '../protocol/messages/delete-groups.ts';
import type { ApiHandler } from './api.ts';

type Dependencies = { readonly groups: GroupCoordinator };
type Result = DeleteGroupsResponseInput['results'][number];

export function deleteGroupsHandler({
  groups,
}: Dependencies): ApiHandler<DeleteGroupsRequest, DeleteGroupsResponseInput> {
  return {
    api: deleteGroups,
    minVersion: 0,
    maxVersion: 2,
    dispatch(request, _context, reply) {
      groups.callEach<string, Result>(
        [...new Set(request.groupsNames)],
        (groupId) => groupId,
        (groupId) => ({
          refused: (errorCode) => ({ groupId, errorCode }),
          step(shard, to) {
            const errorCode = deleteGroup(shard, groupId);
            return [{ type: 'reply', to, response: { groupId, errorCode } }];
          },
        }),
        (results) => reply({ throttleTimeMs: 0, results }),
      );
    },
  };
}

/** Offsets first: a crash in between leaves a group with fewer offsets, which the next attempt deletes. */
function deleteGroup(shard: GroupShard, groupId: string): number {
  const group = shard.groups.get(groupId);
  const errorCode = group?.validateDelete() ?? ErrorCode.GROUP_ID_NOT_FOUND;
  if (group === undefined || errorCode !== ErrorCode.NONE) return errorCode;
  shard.appendLoosely([...shard.offsets.deleteGroup(groupId), ...group.tombstones()]);
  shard.forget(groupId);
  return ErrorCode.NONE;
}
