// The broker's own topics as it creates them on first use: compacted where Kafka's are, replication and
// min.insync.replicas never more than the brokers there are.
import type { BrokerConfig } from './configs/broker-definitions.ts';
import { CONSUMER_OFFSETS, SHARE_GROUP_STATE, TRANSACTION_STATE } from './topic-name.ts';
import type { NewTopic } from './topics.ts';

/** Undefined when the name is not one of the broker's own topics. */
export function internalTopic(name: string, broker: BrokerConfig, brokerCount: number): NewTopic | undefined {
  const clamp = (count: number) => String(Math.max(1, Math.min(count, brokerCount)));
  const topic = (numPartitions: number, replicationFactor: number, configs: Record<string, string>): NewTopic => ({
    name,
    numPartitions,
    replicationFactor,
    assignments: [],
    configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
  });
  switch (name) {
    case CONSUMER_OFFSETS:
      return topic(broker.offsetsTopicNumPartitions, broker.offsetsTopicReplicationFactor, {
        'cleanup.policy': 'compact',
        'compression.type': 'producer',
        'segment.bytes': String(Math.max(broker.offsetsTopicSegmentBytes, SEGMENT_BYTES_MIN)),
      });
    case TRANSACTION_STATE:
      return topic(broker.transactionStateLogNumPartitions, broker.transactionStateLogReplicationFactor, {
        'cleanup.policy': 'compact',
        'compression.type': 'uncompressed',
        'min.insync.replicas': clamp(broker.transactionStateLogMinIsr),
        'segment.bytes': String(Math.max(broker.transactionStateLogSegmentBytes, SEGMENT_BYTES_MIN)),
        'unclean.leader.election.enable': 'false',
      });
    case SHARE_GROUP_STATE:
      return topic(broker.shareCoordinatorStateTopicNumPartitions, broker.shareCoordinatorStateTopicReplicationFactor, {
        'cleanup.policy': 'delete',
        'compression.type': 'producer',
        'min.insync.replicas': clamp(broker.shareCoordinatorStateTopicMinIsr),
        'segment.bytes': String(Math.max(broker.shareCoordinatorStateTopicSegmentBytes, SEGMENT_BYTES_MIN)),
      });
    default:
      return undefined;
  }
}

/** What segment.bytes allows; the broker keys behind it allow less. */
const SEGMENT_BYTES_MIN = 1_048_576;
