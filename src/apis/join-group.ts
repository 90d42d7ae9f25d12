// JoinGroup, versions 0 to 9.
//
// Behaviour: enters a group and waits until the round of joining ends, so the answer may take as long as the rebalance
// timeout of the slowest member; what happens meanwhile is in group/classic-group.ts. A new member of version 4 on gets an id and
// has to come again with it (MEMBER_ID_REQUIRED). A consumer group with members of the new protocol takes members of this
// one, too. INVALID_GROUP_ID, INVALID_SESSION_TIMEOUT, NOT_COORDINATOR and COORDINATOR_LOAD_IN_PROGRESS come at once.
//
// Deviations: none known. KIPs: 62, 345 (static members), 394, 559, 800 (reason), 814 (skipAssignment), 848.
// Source: GroupCoordinatorService.joinGroup.
import { joinAnswerAt, joinError, refuseJoin } from '../group/classic-group-answers.ts';
import type { GroupCoordinator } from '../group/coordinator.ts';
import { classicGroupSettings } from '../group/group-world.ts';
import type { Configs } from '../metadata/configs/configs.ts';
import { type JoinGroupRequest, type JoinGroupResponseInput, joinGroup } from '../protocol/messages/join-group.ts';
import type { ApiHandler } from './api.ts';
import { memberContext } from './member-context.ts';

type Dependencies = {
  readonly groups: GroupCoordinator;
  readonly configs: Pick<Configs, 'broker' | 'topic'>;
};

export function joinGroupHandler({
  groups,
  configs,
}: Dependencies): ApiHandler<JoinGroupRequest, JoinGroupResponseInput> {
  const settings = classicGroupSettings(configs);
  return {
    api: joinGroup,
    minVersion: 0,
    maxVersion: 9,
    longPoll: true,
    dispatch(request, context, reply) {
      const answer = (response: JoinGroupResponseInput) => reply(joinAnswerAt(response, context.apiVersion));
      const refusal = refuseJoin(request, settings);
      if (refusal !== null) {
        answer(refusal);
        return;
      }
      groups.call<JoinGroupResponseInput>(request.groupId, {
        reply: answer,
        refused: (errorCode) => joinError('', errorCode),
        step: (shard, to, nowMs) => shard.groups.join(request, memberContext(context), to, nowMs),
      });
    },
  };
}
