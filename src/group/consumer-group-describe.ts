// A consumer group as ConsumerGroupDescribe shows it.
import { ErrorCode } from '../protocol/error-code.ts';
import type { Assignment } from './assignors/assignor.ts';
import { type ConsumerGroupMember, withoutEpochs } from './consumer-group-member.ts';
import type { ConsumerGroupState } from './consumer-group-state.ts';
import type { DescribedConsumerGroup } from './group-kinds.ts';
import type { TopicsView } from './topics-view.ts';

type DescribedMember = DescribedConsumerGroup['members'][number];

const CLASSIC_MEMBER = 0;
const CONSUMER_MEMBER = 1;

/** Without the authorized operations, which the group does not know. */
export function describeConsumerGroup(
  state: ConsumerGroupState,
  assignorName: string,
  topics: TopicsView,
): DescribedConsumerGroup {
  return {
    errorCode: ErrorCode.NONE,
    groupId: state.groupId,
    groupState: state.phase,
    groupEpoch: state.groupEpoch,
    assignmentEpoch: state.assignmentEpoch,
    assignorName,
    members: [...state.members.values()].map((member) => describeMember(member, state.target(member.memberId), topics)),
  };
}

function describeMember(member: ConsumerGroupMember, target: Assignment, topics: TopicsView): DescribedMember {
  return {
    memberId: member.memberId,
    instanceId: member.instanceId,
    rackId: member.rackId,
    memberEpoch: member.memberEpoch,
    clientId: member.clientId,
    clientHost: member.clientHost,
    subscribedTopicNames: [...member.subscribedTopicNames],
    subscribedTopicRegex: member.subscribedTopicRegex,
    assignment: withNames(held(member), topics),
    targetAssignment: withNames(target, topics),
    memberType: member.classic === null ? CONSUMER_MEMBER : CLASSIC_MEMBER,
  };
}

/** What it was given and has not said that it gave up. */
function held(member: ConsumerGroupMember): Assignment {
  const partitions = new Map(withoutEpochs(member.assigned));
  for (const [topicId, revoked] of withoutEpochs(member.pendingRevocation)) {
    partitions.set(topicId, [...(partitions.get(topicId) ?? []), ...revoked]);
  }
  return partitions;
}

/** Topics that are gone are left out. */
function withNames(assignment: Assignment, topics: TopicsView): DescribedMember['assignment'] {
  return {
    topicPartitions: [...assignment].flatMap(([topicId, partitions]) => {
      const topic = topics.topicById(topicId);
      return topic === undefined ? [] : [{ topicId, topicName: topic.name, partitions: [...partitions] }];
    }),
  };
}
