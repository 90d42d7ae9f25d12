// DescribeQuorum, versions 0 to 2.
//
// Behaviour: there is no quorum, and the tools that ask want to see one: this broker is the leader and only voter of
// __cluster_metadata-0, whose offsets are the numbers of the metadata commits. Any other partition is
// UNKNOWN_TOPIC_OR_PARTITION.
//
// Deviations: the controller's listener has the address that this client reaches the broker at. KIPs: 595, 836, 853.
import type { Metadata } from '../metadata/image.ts';
import { CLUSTER_METADATA } from '../metadata/topic-name.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type DescribeQuorumRequest,
  type DescribeQuorumResponseInput,
  describeQuorum,
} from '../protocol/messages/describe-quorum.ts';
import { ZERO_UUID } from '../protocol/uuid.ts';
import type { Clock } from '../runtime/runtime.ts';
import type { ApiHandler, RequestContext } from './api.ts';
import { brokerEndpoint } from './broker-endpoint.ts';

type Dependencies = {
  readonly metadata: Pick<Metadata, 'image'>;
  readonly clock: Clock;
  readonly brokerId: number;
};

const LEADER_EPOCH = 1;
/** What Kafka's tools expect a voter's listener to be called. */
const CONTROLLER_LISTENER = 'CONTROLLER';

export function describeQuorumHandler(
  dependencies: Dependencies,
): ApiHandler<DescribeQuorumRequest, DescribeQuorumResponseInput> {
  return {
    api: describeQuorum,
    minVersion: 0,
    maxVersion: 2,
    dispatch(request, context, reply) {
      reply(asksForMetadataOnly(request) ? answer(dependencies, context) : refusal(request));
    },
  };
}

function asksForMetadataOnly({ topics }: DescribeQuorumRequest): boolean {
  const [topic] = topics;
  return (
    topics.length === 1 &&
    topic?.topicName === CLUSTER_METADATA &&
    topic.partitions.length === 1 &&
    topic.partitions[0]?.partitionIndex === 0
  );
}

function refusal({ topics }: DescribeQuorumRequest): DescribeQuorumResponseInput {
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: '',
    topics: topics.map(({ topicName, partitions }) => ({
      topicName,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        errorMessage: 'This server does not host this topic-partition.',
        leaderId: 0,
        leaderEpoch: 0,
        highWatermark: 0,
        currentVoters: [],
        observers: [],
      })),
    })),
    nodes: [],
  };
}

function answer({ metadata, clock, brokerId }: Dependencies, context: RequestContext): DescribeQuorumResponseInput {
  const { image } = metadata;
  const endpoint = brokerEndpoint(image, brokerId, brokerId, context.connection);
  const nowMs = clock.nowMs();
  const voter = {
    replicaId: brokerId,
    replicaDirectoryId: ZERO_UUID,
    logEndOffset: image.version,
    lastFetchTimestamp: nowMs,
    lastCaughtUpTimestamp: nowMs,
  };
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: '',
    topics: [
      {
        topicName: CLUSTER_METADATA,
        partitions: [
          {
            partitionIndex: 0,
            errorCode: ErrorCode.NONE,
            errorMessage: '',
            leaderId: brokerId,
            leaderEpoch: LEADER_EPOCH,
            highWatermark: image.version,
            currentVoters: [voter],
            observers: [],
          },
        ],
      },
    ],
    nodes: endpoint
      ? [{ nodeId: brokerId, listeners: [{ name: CONTROLLER_LISTENER, host: endpoint.host, port: endpoint.port }] }]
      : [],
  };
}
