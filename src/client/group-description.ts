// One group in full, whatever its protocol: its members with their partitions, and for each partition the committed offset
// and how far it is behind. For `ottla group` and the embedded broker.
import { consumerProtocolAssignment } from '../protocol/consumer-protocol/assignment.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { consumerGroupDescribe } from '../protocol/messages/consumer-group-describe.ts';
import { describeGroups } from '../protocol/messages/describe-groups.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import { decodeVersioned } from '../protocol/versioned.ts';
import { OffsetSpec } from './admin.ts';
import type { Client } from './client.ts';
import { throwOnError } from './client-error.ts';
import { groupCoordinator } from './coordinators.ts';
import { committedOffsets } from './groups.ts';
import { listOffsetsOf } from './list-offsets.ts';

export interface DescribedGroup {
  readonly group: string;
  readonly type: string;
  readonly state: string;
  readonly coordinator: number;
  readonly members: readonly DescribedMember[];
  readonly partitions: readonly DescribedPartition[];
}

export interface DescribedMember {
  readonly member: string;
  readonly instance: string | null;
  readonly client: string;
  readonly host: string;
  readonly assignment: readonly { readonly topic: string; readonly partitions: readonly number[] }[];
}

export interface DescribedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly committed: number | null;
  /** Null when the topic is gone. */
  readonly end: number | null;
  readonly lag: number | null;
  readonly member: string | null;
}

type Group = Pick<DescribedGroup, 'type' | 'state' | 'members'>;

/** Rejects with GROUP_ID_NOT_FOUND for a group that does not exist, unless it may come into being (`mayBeNew`). */
export async function describeGroup(
  client: Client,
  group: string,
  options: { readonly mayBeNew?: boolean } = {},
): Promise<DescribedGroup> {
  const coordinator = await groupCoordinator(client, group);
  const described =
    (await describeConsumer(client, group, coordinator)) ??
    (await describeClassic(client, group, coordinator, options.mayBeNew ?? false));
  return { group, coordinator, ...described, partitions: await partitionsOf(client, group, described.members) };
}

/** Undefined: not a group of this protocol, or a broker that does not speak it. */
async function describeConsumer(client: Client, group: string, nodeId: number): Promise<Group | undefined> {
  if (!(await client.versions(nodeId)).has(consumerGroupDescribe.key)) return undefined;
  const response = await client.request(
    consumerGroupDescribe,
    { groupIds: [group], includeAuthorizedOperations: false },
    { nodeId },
  );
  const [described] = response.groups;
  if (described === undefined || described.errorCode === ErrorCode.UNSUPPORTED_VERSION) return undefined;
  if (described.errorCode === ErrorCode.GROUP_ID_NOT_FOUND) return undefined;
  refuse(group, described.errorCode, described.errorMessage);
  return {
    type: 'consumer',
    state: described.groupState,
    members: described.members.map((member) => ({
      member: member.memberId,
      instance: member.instanceId,
      client: member.clientId,
      host: member.clientHost,
      assignment: member.assignment.topicPartitions.map(({ topicName, partitions }) => ({
        topic: topicName,
        partitions,
      })),
    })),
  };
}

async function describeClassic(client: Client, group: string, nodeId: number, mayBeNew: boolean): Promise<Group> {
  const response = await client.request(
    describeGroups,
    { groups: [group], includeAuthorizedOperations: false },
    { nodeId },
  );
  const described = response.groups[0]!;
  const isNew = described.errorCode === ErrorCode.GROUP_ID_NOT_FOUND || described.groupState === 'Dead';
  if (!isNew) refuse(group, described.errorCode, described.errorMessage);
  else if (!mayBeNew) throwOnError(ErrorCode.GROUP_ID_NOT_FOUND, `group ${group} does not exist`);
  return {
    type: 'classic',
    state: described.groupState,
    members: described.members.map((member) => ({
      member: member.memberId,
      instance: member.groupInstanceId,
      client: member.clientId,
      host: member.clientHost,
      assignment: assignmentOf(member.memberAssignment),
    })),
  };
}

/** Empty for what is not a consumer's. */
function assignmentOf(bytes: Buffer): DescribedMember['assignment'] {
  try {
    return bytes.length === 0 ? [] : decodeVersioned(consumerProtocolAssignment, bytes).message.assignedPartitions;
  } catch (error) {
    if (error instanceof ProtocolError) return [];
    throw error;
  }
}

/** Those with a committed offset and those that a member has. */
async function partitionsOf(
  client: Client,
  group: string,
  members: readonly DescribedMember[],
): Promise<DescribedPartition[]> {
  const topics = new Map<string, Map<number, { committed: number | null; member: string | null }>>();
  const known = (topic: string) => topics.get(topic) ?? topics.set(topic, new Map()).get(topic)!;
  for (const { topic, offsets } of await committedOffsets(client, group, null)) {
    for (const [partition, committed] of offsets) known(topic).set(partition, { committed, member: null });
  }
  for (const { member, assignment } of members) {
    for (const { topic, partitions } of assignment) {
      for (const partition of partitions) {
        known(topic).set(partition, { committed: known(topic).get(partition)?.committed ?? null, member });
      }
    }
  }
  const described: DescribedPartition[] = [];
  for (const topic of [...topics.keys()].sort()) {
    const partitions = [...known(topic)].sort(([a], [b]) => a - b);
    const existing = new Set((await client.refreshMetadata([topic]))[0]?.partitions.map(({ partition }) => partition));
    const asked = partitions.map(([partition]) => partition).filter((partition) => existing.has(partition));
    const ends = await listOffsetsOf(client, topic, asked, OffsetSpec.LATEST);
    for (const [partition, { committed, member }] of partitions) {
      const end = ends.get(partition) ?? null;
      const lag = end === null || committed === null ? null : Math.max(0, end - committed);
      described.push({ topic, partition, committed, end, lag, member });
    }
  }
  return described;
}

function refuse(group: string, errorCode: number, errorMessage: string | null): void {
  throwOnError(errorCode, `group ${group} cannot be described`, errorMessage);
}
