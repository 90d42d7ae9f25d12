// ConsumerGroupDescribe, versions 0 and 1.
//
// Behaviour: state, members and their assignments of consumer groups; GROUP_ID_NOT_FOUND for others, INVALID_GROUP_ID for the empty id.
// UNSUPPORTED_VERSION as ConsumerGroupHeartbeat.
//
// Deviations: none known. KIPs: 848, 1099 (member type). Source: KafkaApis.handleConsumerGroupDescribe.
import type { GroupCoordinator } from '../group/coordinator.ts';
import type { DescribedConsumerGroup, Group } from '../group/group-kinds.ts';
import type { Configs } from '../metadata/configs/configs.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type ConsumerGroupDescribeRequest,
  type ConsumerGroupDescribeResponseInput,
  consumerGroupDescribe,
} from '../protocol/messages/consumer-group-describe.ts';
import type { ApiHandler } from './api.ts';
import { ALL_GROUP_OPERATIONS } from './authorized-operations.ts';
import { type Features, hasConsumerGroups } from './features.ts';

type Dependencies = {
  readonly groups: GroupCoordinator;
  readonly configs: Pick<Configs, 'broker'>;
  readonly features: Features;
};

export function consumerGroupDescribeHandler({
  groups,
  configs,
  features,
}: Dependencies): ApiHandler<ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponseInput> {
  return {
    api: consumerGroupDescribe,
    minVersion: 0,
    maxVersion: 1,
    dispatch(request, _context, reply) {
      if (!hasConsumerGroups(features, configs.broker)) {
        reply({
          throttleTimeMs: 0,
          groups: request.groupIds.map((groupId) => absentGroup(groupId, ErrorCode.UNSUPPORTED_VERSION, null)),
        });
        return;
      }
      groups.callEach<string, DescribedConsumerGroup>(
        request.groupIds,
        (groupId) => groupId,
        (groupId) => ({
          reads: true,
          refused: (errorCode) => absentGroup(groupId, errorCode, null),
          step(shard, to) {
            const response = described(shard.groups.get(groupId), groupId);
            const mayShow = request.includeAuthorizedOperations && response.errorCode === ErrorCode.NONE;
            const operations = mayShow ? { authorizedOperations: ALL_GROUP_OPERATIONS } : {};
            return [{ type: 'reply', to, response: { ...response, ...operations } }];
          },
        }),
        (answers) => reply({ throttleTimeMs: 0, groups: answers }),
      );
    },
  };
}

function described(group: Group | undefined, groupId: string): DescribedConsumerGroup {
  if (groupId === '') return absentGroup('', ErrorCode.INVALID_GROUP_ID, null);
  if (group?.type === 'consumer') return group.describe();
  const sentence = group === undefined ? `Group ${groupId} not found.` : `Group ${groupId} is not a consumer group.`;
  return absentGroup(groupId, ErrorCode.GROUP_ID_NOT_FOUND, sentence);
}

/** A group of which there is nothing to say but why. */
export function absentGroup(groupId: string, errorCode: number, errorMessage: string | null): DescribedConsumerGroup {
  return {
    errorCode,
    errorMessage,
    groupId,
    groupState: '',
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: '',
    members: [],
  };
}
