// ConsumerGroupHeartbeat, versions 0 and 1.
//
// Behaviour: joins (member epoch 0), keeps, leaves (−1) or pauses (−2) a member of a consumer group; the answer tells what
// the member has to have, see group/consumer-group.ts. A classic group is taken over by its first member of this protocol,
// as group.consumer.migration.policy allows. UNSUPPORTED_VERSION when group.version is 0 or group.coordinator.rebalance.protocols
// does not name the consumer protocol. UNKNOWN_SERVER_ERROR for a subscription that no record of __consumer_offsets can hold.
//
// Deviations: none known. KIPs: 848. Source: KafkaApis.handleConsumerGroupHeartbeat, GroupCoordinatorService.consumerGroupHeartbeat.
import type { GroupCoordinator } from '../group/coordinator.ts';
import { classicGroupSettings } from '../group/group-world.ts';
import type { Configs } from '../metadata/configs/configs.ts';
import { AclOperation, ResourceType } from '../protocol/acl-codes.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type ConsumerGroupHeartbeatRequest,
  type ConsumerGroupHeartbeatResponseInput,
  consumerGroupHeartbeat,
} from '../protocol/messages/consumer-group-heartbeat.ts';
import type { Authorizer } from '../security/authorizer.ts';
import type { ApiHandler, RequestContext } from './api.ts';
import { type Features, hasConsumerGroups } from './features.ts';
import { memberContext } from './member-context.ts';

type Dependencies = {
  readonly groups: GroupCoordinator;
  readonly configs: Pick<Configs, 'broker' | 'topic'>;
  readonly features: Features;
  /** Undefined: everybody may see every topic. */
  readonly authorizer?: Authorizer | undefined;
};

export function consumerGroupHeartbeatHandler({
  groups,
  configs,
  features,
  authorizer,
}: Dependencies): ApiHandler<ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponseInput> {
  const refused = (errorCode: number): ConsumerGroupHeartbeatResponseInput => ({
    throttleTimeMs: 0,
    errorCode,
    memberEpoch: 0,
    heartbeatIntervalMs: 0,
  });
  return {
    api: consumerGroupHeartbeat,
    minVersion: 0,
    maxVersion: 1,
    dispatch(request, context, reply) {
      if (!hasConsumerGroups(features, configs.broker)) {
        reply(refused(ErrorCode.UNSUPPORTED_VERSION));
        return;
      }
      if (textBytes(request) > classicGroupSettings(configs).recordBytesMax) {
        reply(refused(ErrorCode.UNKNOWN_SERVER_ERROR));
        return;
      }
      const mayDescribe = authorizer && describing(authorizer, context);
      groups.call<ConsumerGroupHeartbeatResponseInput>(request.groupId, {
        reply,
        refused,
        step: (shard, to, nowMs) =>
          shard.groups.consumerHeartbeat(request, { ...memberContext(context), mayDescribe }, to, nowMs),
      });
    },
  };
}

/** What a regular expression may find. */
function describing(authorizer: Authorizer, { connection }: RequestContext): (topic: string) => boolean {
  const subject = { principal: connection.principal, host: connection.remoteAddress };
  return (topic) => authorizer.allows(subject, AclOperation.DESCRIBE, ResourceType.TOPIC, topic, 'allowed');
}

/** Of what a member's record will hold, estimated from below. */
function textBytes({ memberId, subscribedTopicNames, subscribedTopicRegex }: ConsumerGroupHeartbeatRequest): number {
  const texts = [memberId, subscribedTopicRegex ?? '', ...(subscribedTopicNames ?? [])];
  return texts.reduce((sum, text) => sum + text.length, 0);
}
