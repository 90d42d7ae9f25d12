// OffsetDelete, version 0.
//
// Behaviour: removes committed offsets. A partition that does not exist is UNKNOWN_TOPIC_OR_PARTITION, topics that a member of
// the group is subscribed to are GROUP_SUBSCRIBED_TO_TOPIC. As a whole: INVALID_GROUP_ID, GROUP_ID_NOT_FOUND, and NON_EMPTY_GROUP for active
// groups that are not consumers.
//
// Deviations: none known. KIPs: 496. Source: KafkaApis.handleOffsetDeleteRequest, OffsetMetadataManager.deleteOffsets.
import type { GroupCoordinator } from '../group/coordinator.ts';
import { deleteOffsets } from '../group/offset-requests.ts';
import type { Metadata } from '../metadata/image.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type OffsetDeleteRequest,
  type OffsetDeleteResponseInput,
  offsetDelete,
} from '../protocol/messages/offset-delete.ts';
import type { ApiHandler } from './api.ts';

type Dependencies = {
  readonly groups: GroupCoordinator;
  readonly metadata: Pick<Metadata, 'image'>;
};

export function offsetDeleteHandler({
  groups,
  metadata,
}: Dependencies): ApiHandler<OffsetDeleteRequest, OffsetDeleteResponseInput> {
  return {
    api: offsetDelete,
    minVersion: 0,
    maxVersion: 0,
    dispatch(request, _context, reply) {
      const refused = (errorCode: number): OffsetDeleteResponseInput => ({
        errorCode,
        throttleTimeMs: 0,
        topics: [],
      });
      if (request.groupId === '') {
        reply(refused(ErrorCode.INVALID_GROUP_ID));
        return;
      }
      const exists = (topic: string, partition: number) =>
        metadata.image.topics.get(topic)?.partitions[partition] !== undefined;
      groups.call<OffsetDeleteResponseInput>(request.groupId, {
        reply,
        refused,
        step(shard, to) {
          const known = request.topics.map(({ name, partitions }) => ({
            name,
            partitions: partitions
              .map(({ partitionIndex }) => partitionIndex)
              .filter((partition) => exists(name, partition)),
          }));
          const { errorCode, topicErrors, records } = deleteOffsets(shard, request.groupId, known);
          if (errorCode !== ErrorCode.NONE) return [{ type: 'reply', to, response: refused(errorCode) }];
          const topics = request.topics.map(({ name, partitions }, index) => ({
            name,
            partitions: partitions.map(({ partitionIndex }) => ({
              partitionIndex,
              errorCode: exists(name, partitionIndex) ? topicErrors[index]! : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
            })),
          }));
          return [
            { type: 'append', records },
            { type: 'reply', to, response: { errorCode: ErrorCode.NONE, throttleTimeMs: 0, topics } },
          ];
        },
      });
    },
  };
}
