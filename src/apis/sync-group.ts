// SyncGroup, versions 0 to 5.
//
// Behaviour: the leader hands out the assignment, the others wait for theirs; a member that asks again in a stable group
// gets it again. Version 5 has to name protocol type and protocol (INCONSISTENT_GROUP_PROTOCOL).
//
// Deviations: none known. KIPs: 345, 559, 848. Source: GroupCoordinatorService.syncGroup, KafkaApis.handleSyncGroupRequest.
import { refuseSync, syncError } from '../group/classic-group-answers.ts';
import type { GroupCoordinator } from '../group/coordinator.ts';
import { type SyncGroupRequest, type SyncGroupResponseInput, syncGroup } from '../protocol/messages/sync-group.ts';
import type { ApiHandler } from './api.ts';
import { memberContext } from './member-context.ts';

type Dependencies = { readonly groups: GroupCoordinator };

export function syncGroupHandler({ groups }: Dependencies): ApiHandler<SyncGroupRequest, SyncGroupResponseInput> {
  return {
    api: syncGroup,
    minVersion: 0,
    maxVersion: 5,
    longPoll: true,
    dispatch(request, context, reply) {
      const refusal = refuseSync(request, context.apiVersion);
      if (refusal !== null) {
        reply(refusal);
        return;
      }
      groups.call<SyncGroupResponseInput>(request.groupId, {
        reply,
        refused: (errorCode) => syncError(errorCode),
        step: (shard, to, nowMs) => shard.groups.sync(request, memberContext(context), to, nowMs),
      });
    },
  };
}
