// OffsetCommit, versions 2 to 10.
//
// Behaviour: stores a group's offsets, answered when they are committed. Per partition: UNKNOWN_TOPIC_OR_PARTITION or
// UNKNOWN_TOPIC_ID, and OFFSET_METADATA_TOO_LARGE (offset.metadata.max.bytes); the others are stored. What the group has
// against the member (UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, STALE_MEMBER_EPOCH, REBALANCE_IN_PROGRESS, FENCED_INSTANCE_ID,
// GROUP_ID_NOT_FOUND since version 9) is every partition's error. A group that does not exist comes into being with a commit without
// generation. More than one batch of __consumer_offsets can hold is UNKNOWN_SERVER_ERROR. Versions 2 to 4 may bring a retention of their own. The commit of a classic member counts as a heartbeat.
//
// Deviations: none known. KIPs: 211, 320 (leader epochs), 345, 848 and 1251 (member epochs), 516 (topic ids).
// Source: KafkaApis.handleOffsetCommitRequest, OffsetMetadataManager.commitOffset.
import type { GroupCoordinator } from '../group/coordinator.ts';
import { classicGroupSettings } from '../group/group-world.ts';
import { commitOffsets } from '../group/offset-requests.ts';
import type { Configs } from '../metadata/configs/configs.ts';
import type { Metadata } from '../metadata/image.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type OffsetCommitRequest,
  type OffsetCommitResponseInput,
  offsetCommit,
} from '../protocol/messages/offset-commit.ts';
import type { ApiHandler } from './api.ts';
import { OffsetsToCommit } from './offsets-to-commit.ts';

type Dependencies = {
  readonly groups: GroupCoordinator;
  readonly metadata: Pick<Metadata, 'image'>;
  readonly configs: Pick<Configs, 'broker' | 'topic'>;
};

const FIRST_VERSION_WITH_TOPIC_IDS = 10;

export function offsetCommitHandler({
  groups,
  metadata,
  configs,
}: Dependencies): ApiHandler<OffsetCommitRequest, OffsetCommitResponseInput> {
  return {
    api: offsetCommit,
    minVersion: 2,
    maxVersion: 10,
    dispatch(request, context, reply) {
      const byId = context.apiVersion >= FIRST_VERSION_WITH_TOPIC_IDS;
      const { topics, topicsById } = metadata.image;
      const found = request.topics.map((topic) => (byId ? topicsById.get(topic.topicId) : topics.get(topic.name)));
      const absence = byId ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
      const asked = new OffsetsToCommit(request.topics, found, absence);
      if (asked.known.length === 0) {
        reply({ topics: asked.answer(() => ErrorCode.NONE) });
        return;
      }
      groups.call<OffsetCommitResponseInput>(request.groupId, {
        reply,
        refused: (errorCode) => ({ topics: asked.answer(() => errorCode) }),
        step(shard, to, nowMs) {
          const { errorCode, partitionErrors, effects } = commitOffsets(
            shard,
            { ...request, topics: asked.known },
            {
              apiVersion: context.apiVersion,
              nowMs,
              metadataLengthMax: configs.broker.offsetMetadataMaxBytes,
              batchBytesMax: classicGroupSettings(configs).recordBytesMax,
            },
          );
          const topics = asked.answer((topic, partition) =>
            errorCode === ErrorCode.NONE ? partitionErrors[topic]![partition]! : errorCode,
          );
          return [...effects, { type: 'reply', to, response: { topics } }];
        },
      });
    },
  };
}
