// Every record type of `__consumer_offsets`, by the type that its key starts with.
import type { CoordinatorRecord } from './coordinator-record.ts';
import { consumerGroupCurrentMemberAssignmentRecord } from './coordinator-records/consumer-group-current-member-assignment.ts';
import { consumerGroupMemberMetadataRecord } from './coordinator-records/consumer-group-member-metadata.ts';
import { consumerGroupMetadataRecord } from './coordinator-records/consumer-group-metadata.ts';
import { consumerGroupPartitionMetadataRecord } from './coordinator-records/consumer-group-partition-metadata.ts';
import { consumerGroupRegularExpressionRecord } from './coordinator-records/consumer-group-regular-expression.ts';
import { consumerGroupTargetAssignmentMemberRecord } from './coordinator-records/consumer-group-target-assignment-member.ts';
import { consumerGroupTargetAssignmentMetadataRecord } from './coordinator-records/consumer-group-target-assignment-metadata.ts';
import { groupMetadataRecord } from './coordinator-records/group-metadata.ts';
import { legacyOffsetCommitRecord } from './coordinator-records/legacy-offset-commit.ts';
import { offsetCommitRecord } from './coordinator-records/offset-commit.ts';
import { shareGroupCurrentMemberAssignmentRecord } from './coordinator-records/share-group-current-member-assignment.ts';
import { shareGroupMemberMetadataRecord } from './coordinator-records/share-group-member-metadata.ts';
import { shareGroupMetadataRecord } from './coordinator-records/share-group-metadata.ts';
import { shareGroupStatePartitionMetadataRecord } from './coordinator-records/share-group-state-partition-metadata.ts';
import { shareGroupTargetAssignmentMemberRecord } from './coordinator-records/share-group-target-assignment-member.ts';
import { shareGroupTargetAssignmentMetadataRecord } from './coordinator-records/share-group-target-assignment-metadata.ts';
import { streamsGroupCurrentMemberAssignmentRecord } from './coordinator-records/streams-group-current-member-assignment.ts';
import { streamsGroupMemberMetadataRecord } from './coordinator-records/streams-group-member-metadata.ts';
import { streamsGroupMetadataRecord } from './coordinator-records/streams-group-metadata.ts';
import { streamsGroupTargetAssignmentMemberRecord } from './coordinator-records/streams-group-target-assignment-member.ts';
import { streamsGroupTargetAssignmentMetadataRecord } from './coordinator-records/streams-group-target-assignment-metadata.ts';
import { streamsGroupTopologyRecord } from './coordinator-records/streams-group-topology.ts';

export const GROUP_RECORDS: ReadonlyMap<number, CoordinatorRecord> = new Map(
  [
    legacyOffsetCommitRecord,
    offsetCommitRecord,
    groupMetadataRecord,
    consumerGroupMetadataRecord,
    consumerGroupPartitionMetadataRecord,
    consumerGroupMemberMetadataRecord,
    consumerGroupTargetAssignmentMetadataRecord,
    consumerGroupTargetAssignmentMemberRecord,
    consumerGroupCurrentMemberAssignmentRecord,
    shareGroupMemberMetadataRecord,
    shareGroupMetadataRecord,
    shareGroupTargetAssignmentMetadataRecord,
    shareGroupTargetAssignmentMemberRecord,
    shareGroupCurrentMemberAssignmentRecord,
    shareGroupStatePartitionMetadataRecord,
    consumerGroupRegularExpressionRecord,
    streamsGroupMetadataRecord,
    streamsGroupMemberMetadataRecord,
    streamsGroupTargetAssignmentMetadataRecord,
    streamsGroupTargetAssignmentMemberRecord,
    streamsGroupCurrentMemberAssignmentRecord,
    streamsGroupTopologyRecord,
  ].map((record: CoordinatorRecord) => [record.type, record]),
);
