// ElectLeaders, versions 0 to 2.
//
// Behaviour: every partition is led by the one broker that holds it, which is also its preferred replica, so an election is
// never needed: ELECTION_NOT_NEEDED per partition, and no partition at all when all of them are asked for (Kafka leaves
// those out that need none). Unknown partitions are UNKNOWN_TOPIC_OR_PARTITION, an unknown election type INVALID_REQUEST.
//
// Deviations: none known. KIPs: 183, 460. Source of the rules: ReplicationControlManager.electLeaders.
import type { Image, Metadata } from '../metadata/image.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type ElectLeadersRequest,
  type ElectLeadersResponseInput,
  electLeaders,
} from '../protocol/messages/elect-leaders.ts';
import type { ApiHandler } from './api.ts';

type Dependencies = {
  readonly metadata: Pick<Metadata, 'image'>;
};

type TopicResult = ElectLeadersResponseInput['replicaElectionResults'][number];
type PartitionResult = TopicResult['partitionResult'][number];

const ElectionType = { PREFERRED: 0, UNCLEAN: 1 } as const;

export function electLeadersHandler({
  metadata,
}: Dependencies): ApiHandler<ElectLeadersRequest, ElectLeadersResponseInput> {
  return {
    api: electLeaders,
    minVersion: 0,
    maxVersion: 2,
    dispatch(request, _context, reply) {
      const type = request.electionType;
      if (type !== ElectionType.PREFERRED && type !== ElectionType.UNCLEAN) {
        reply(refusal(request, ErrorCode.INVALID_REQUEST, `Unknown election type ${type}`));
        return;
      }
      const { image } = metadata;
      const all = request.topicPartitions === null;
      const asked =
        request.topicPartitions ?? [...image.topics.keys()].map((topic) => ({ topic, partitions: [] as number[] }));
      reply({
        throttleTimeMs: 0,
        errorCode: ErrorCode.NONE,
        replicaElectionResults: asked.map(({ topic, partitions }) => ({
          topic,
          partitionResult: all ? [] : partitions.map((partition) => electLeader(image, topic, partition)),
        })),
      });
    },
    failed: (request, errorCode) => refusal(request, errorCode as ErrorCode, null),
  };
}

function electLeader(image: Image, topic: string, partitionId: number): PartitionResult {
  const found = image.topics.get(topic);
  if (found === undefined) {
    return failed(partitionId, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `No such topic as ${topic}`);
  }
  if (found.partitions[partitionId] === undefined) {
    return failed(partitionId, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `No such partition as ${topic}-${partitionId}`);
  }
  return failed(partitionId, ErrorCode.ELECTION_NOT_NEEDED, 'Leader election not needed for topic partition.');
}

function refusal(
  request: ElectLeadersRequest,
  errorCode: ErrorCode,
  message: string | null,
): ElectLeadersResponseInput {
  return {
    throttleTimeMs: 0,
    errorCode,
    replicaElectionResults: (request.topicPartitions ?? []).map(({ topic, partitions }) => ({
      topic,
      partitionResult: partitions.map((partition) => failed(partition, errorCode, message)),
    })),
  };
}

function failed(partitionId: number, errorCode: ErrorCode, errorMessage: string | null): PartitionResult {
  return { partitionId, errorCode, errorMessage };
}
