// Heartbeat, versions 0 to 4.
//
// Behaviour: keeps a member of a classic group, and tells it by REBALANCE_IN_PROGRESS to join again. While groups are being
// loaded every heartbeat is fine, as in Kafka: sessions begin anew then.
//
// Deviations: none known. KIPs: 345, 848. Source: GroupCoordinatorService.heartbeat.
import type { GroupCoordinator } from '../group/coordinator.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { type HeartbeatRequest, type HeartbeatResponseInput, heartbeat } from '../protocol/messages/heartbeat.ts';
import type { ApiHandler } from './api.ts';
import { memberContext } from './member-context.ts';

type Dependencies = { readonly groups: GroupCoordinator };

export function heartbeatHandler({ groups }: Dependencies): ApiHandler<HeartbeatRequest, HeartbeatResponseInput> {
  return {
    api: heartbeat,
    minVersion: 0,
    maxVersion: 4,
    dispatch(request, context, reply) {
      if (request.groupId === '') {
        reply({ errorCode: ErrorCode.INVALID_GROUP_ID });
        return;
      }
      groups.call<HeartbeatResponseInput>(request.groupId, {
        reply,
        refused: (errorCode) => ({
          errorCode: errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS ? ErrorCode.NONE : errorCode,
        }),
        step: (shard, to, nowMs) => shard.groups.heartbeat(request, memberContext(context), to, nowMs),
        // A full disk must not cost members their place.
        reads: true,
      });
    },
  };
}
