// Request headers: API key, API version, correlation id, client id and, from header version 2 on, tagged fields.
// The client id is never compact, so that a broker can read the header of a request that is newer than itself (KIP-511).
import { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  /** Where in the frame the request's body starts. */
  readonly bodyOffset: number;
}

const NEVER = Number.POSITIVE_INFINITY;

/**
 * The first flexible version of every API of Kafka 4.3 by key: from it on, requests have header version 2. The header
 * must be read before anything else is known, and also for APIs that are not served here.
 */
const FIRST_FLEXIBLE_VERSIONS: readonly number[] = [
  /* 0 Produce */ 9,
  /* 1 Fetch */ 12,
  /* 2 ListOffsets */ 6,
  /* 3 Metadata */ 9,
  /* 4 LeaderAndIsr */ NEVER,
  /* 5 StopReplica */ NEVER,
  /* 6 UpdateMetadata */ NEVER,
  /* 7 ControlledShutdown */ NEVER,
  /* 8 OffsetCommit */ 8,
  /* 9 OffsetFetch */ 6,
  /* 10 FindCoordinator */ 3,
  /* 11 JoinGroup */ 6,
  /* 12 Heartbeat */ 4,
  /* 13 LeaveGroup */ 4,
  /* 14 SyncGroup */ 4,
  /* 15 DescribeGroups */ 5,
  /* 16 ListGroups */ 3,
  /* 17 SaslHandshake */ NEVER,
  /* 18 ApiVersions */ 3,
  /* 19 CreateTopics */ 5,
  /* 20 DeleteTopics */ 4,
  /* 21 DeleteRecords */ 2,
  /* 22 InitProducerId */ 2,
  /* 23 OffsetForLeaderEpoch */ 4,
  /* 24 AddPartitionsToTxn */ 3,
  /* 25 AddOffsetsToTxn */ 3,
  /* 26 EndTxn */ 3,
  /* 27 WriteTxnMarkers */ 1,
  /* 28 TxnOffsetCommit */ 3,
  /* 29 DescribeAcls */ 2,
  /* 30 CreateAcls */ 2,
  /* 31 DeleteAcls */ 2,
  /* 32 DescribeConfigs */ 4,
  /* 33 AlterConfigs */ 2,
  /* 34 AlterReplicaLogDirs */ 2,
  /* 35 DescribeLogDirs */ 2,
  /* 36 SaslAuthenticate */ 2,
  /* 37 CreatePartitions */ 2,
  /* 38 CreateDelegationToken */ 2,
  /* 39 RenewDelegationToken */ 2,
  /* 40 ExpireDelegationToken */ 2,
  /* 41 DescribeDelegationToken */ 2,
  /* 42 DeleteGroups */ 2,
  /* 43 ElectLeaders */ 2,
  /* 44 IncrementalAlterConfigs */ 1,
  /* 45 AlterPartitionReassignments */ 0,
  /* 46 ListPartitionReassignments */ 0,
  /* 47 OffsetDelete */ NEVER,
  /* 48 DescribeClientQuotas */ 1,
  /* 49 AlterClientQuotas */ 1,
  /* 50 DescribeUserScramCredentials */ 0,
  /* 51 AlterUserScramCredentials */ 0,
  /* 52 Vote */ 0,
  /* 53 BeginQuorumEpoch */ 1,
  /* 54 EndQuorumEpoch */ 1,
  /* 55 DescribeQuorum */ 0,
  /* 56 AlterPartition */ 2,
  /* 57 UpdateFeatures */ 0,
  /* 58 Envelope */ 0,
  /* 59 FetchSnapshot */ 0,
  /* 60 DescribeCluster */ 0,
  /* 61 DescribeProducers */ 0,
  /* 62 BrokerRegistration */ 0,
  /* 63 BrokerHeartbeat */ 0,
  /* 64 UnregisterBroker */ 0,
  /* 65 DescribeTransactions */ 0,
  /* 66 ListTransactions */ 0,
  /* 67 AllocateProducerIds */ 0,
  /* 68 ConsumerGroupHeartbeat */ 0,
  /* 69 ConsumerGroupDescribe */ 0,
  /* 70 ControllerRegistration */ 0,
  /* 71 GetTelemetrySubscriptions */ 0,
  /* 72 PushTelemetry */ 0,
  /* 73 AssignReplicasToDirs */ 0,
  /* 74 ListConfigResources */ 0,
  /* 75 DescribeTopicPartitions */ 0,
  /* 76 ShareGroupHeartbeat */ 1,
  /* 77 ShareGroupDescribe */ 1,
  /* 78 ShareFetch */ 1,
  /* 79 ShareAcknowledge */ 1,
  /* 80 AddRaftVoter */ 0,
  /* 81 RemoveRaftVoter */ 0,
  /* 82 UpdateRaftVoter */ 0,
  /* 83 InitializeShareGroupState */ 0,
  /* 84 ReadShareGroupState */ 0,
  /* 85 WriteShareGroupState */ 0,
  /* 86 DeleteShareGroupState */ 0,
  /* 87 ReadShareGroupStateSummary */ 0,
  /* 88 StreamsGroupHeartbeat */ 0,
  /* 89 StreamsGroupDescribe */ 0,
  /* 90 DescribeShareGroupOffsets */ 0,
  /* 91 AlterShareGroupOffsets */ 0,
  /* 92 DeleteShareGroupOffsets */ 0,
];

/**
 * Decodes the header of a request frame (without its four bytes of size). Throws ProtocolError. For a key that Kafka
 * 4.3 does not know the body is taken to follow the client id at once; nothing can be done with it anyway.
 */
export function decodeRequestHeader(bytes: Buffer): RequestHeader {
  const reader = new Reader(bytes);
  const apiKey = reader.int16();
  const apiVersion = reader.int16();
  const correlationId = reader.int32();
  const clientId = reader.nullableString();
  if (apiVersion >= firstFlexibleVersion(apiKey)) reader.skipTags();
  return { apiKey, apiVersion, correlationId, clientId, bodyOffset: reader.position };
}

export function writeRequestHeader(
  writer: Writer,
  apiKey: number,
  apiVersion: number,
  correlationId: number,
  clientId: string | null,
  flexible: boolean,
): void {
  writer.int16(apiKey);
  writer.int16(apiVersion);
  writer.int32(correlationId);
  writer.nullableString(clientId);
  if (flexible) writer.uvarint(0);
}

/** Infinity for an API that has none or is unknown. */
export function firstFlexibleVersion(apiKey: number): number {
  return FIRST_FLEXIBLE_VERSIONS[apiKey] ?? NEVER;
}
