// LeaveGroup, versions 0 to 5.
//
// Behaviour: takes one member (versions 0 to 2) or several out of a group; a static one by its instance id alone, which is
// how tools remove members. Errors are those of each member; before version 3 the one member's is the answer's.
//
// Deviations: none known. KIPs: 345, 800 (reason), 848. Source: GroupCoordinatorService.leaveGroup.
import type { GroupCoordinator } from '../group/coordinator.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { type LeaveGroupRequest, type LeaveGroupResponseInput, leaveGroup } from '../protocol/messages/leave-group.ts';
import type { ApiHandler } from './api.ts';
import { memberContext } from './member-context.ts';

type Dependencies = { readonly groups: GroupCoordinator };

const FIRST_VERSION_WITH_SEVERAL_MEMBERS = 3;

export function leaveGroupHandler({ groups }: Dependencies): ApiHandler<LeaveGroupRequest, LeaveGroupResponseInput> {
  return {
    api: leaveGroup,
    minVersion: 0,
    maxVersion: 5,
    dispatch(request, context, reply) {
      if (request.groupId === '') {
        reply({ errorCode: ErrorCode.INVALID_GROUP_ID, members: [] });
        return;
      }
      const several = context.apiVersion >= FIRST_VERSION_WITH_SEVERAL_MEMBERS;
      const one = [{ memberId: request.memberId, groupInstanceId: null, reason: null }];
      const asked = several ? request : { ...request, members: one };
      groups.call<LeaveGroupResponseInput>(request.groupId, {
        reply: (response) => reply(several ? response : withErrorOfMember(response)),
        refused: (errorCode) => ({ errorCode, members: [] }),
        step: (shard, to, nowMs) => shard.groups.leave(asked, memberContext(context), to, nowMs),
      });
    },
  };
}

function withErrorOfMember(response: LeaveGroupResponseInput): LeaveGroupResponseInput {
  const errorCode = response.errorCode || (response.members?.[0]?.errorCode ?? ErrorCode.NONE);
  return { ...response, errorCode };
}
