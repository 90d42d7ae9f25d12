// Calls about groups: their committed offsets, their state. For the command line, the group
// consumer and tests; what needs retrying is retried here.
import { ErrorCode } from '../protocol/error-code.ts';
import { deleteGroups } from '../protocol/messages/delete-groups.ts';
import { listGroups } from '../protocol/messages/list-groups.ts';
import { offsetCommit } from '../protocol/messages/offset-commit.ts';
import { offsetFetch } from '../protocol/messages/offset-fetch.ts';
import type { Client } from './client.ts';
import { ClientError, throwOnError } from './client-error.ts';
import { groupCoordinator } from './coordinators.ts';

/** The newest version that names topics. */
const OFFSET_COMMIT_BY_NAME = 9;
const OFFSET_FETCH_BY_NAME = 9;

/** Who commits or asks; without it, somebody who is not a member. */
export interface GroupMember {
  readonly memberId: string;
  readonly memberEpoch: number;
}

const NO_MEMBER: GroupMember = { memberId: '', memberEpoch: -1 };

export interface TopicOffsets {
  readonly topic: string;
  /** Partition → offset. */
  readonly offsets: ReadonlyMap<number, number>;
}

/** Committed offsets; partitions without one are missing. Null asks for all of the group. */
export async function committedOffsets(
  client: Client,
  groupId: string,
  topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[] | null,
  member: GroupMember = NO_MEMBER,
): Promise<TopicOffsets[]> {
  return client.retrying(async () => {
    const nodeId = await groupCoordinator(client, groupId);
    const asked =
      topics?.map(({ topic, partitions }) => ({ name: topic, topicId: '', partitionIndexes: partitions })) ?? null;
    const { memberId, memberEpoch } = member;
    const response = await client.request(
      offsetFetch,
      {
        groupId,
        topics: asked,
        groups: [{ groupId, topics: asked, ...(memberId !== '' && { memberId, memberEpoch }) }],
        requireStable: true,
      },
      { nodeId, maxVersion: OFFSET_FETCH_BY_NAME },
    );
    const answer = response.groups[0] ?? response;
    throwOnError(answer.errorCode, `the offsets of group ${groupId} cannot be read`);
    return answer.topics.map(({ name, partitions }) => {
      const offsets = new Map<number, number>();
      for (const { partitionIndex, errorCode, committedOffset } of partitions) {
        throwOnError(errorCode, `the offset of ${name}-${partitionIndex} in group ${groupId} cannot be read`);
        if (committedOffset >= 0) offsets.set(partitionIndex, committedOffset);
      }
      return { topic: name, offsets };
    });
  });
}

/** Commits all or rejects with the first error; what was committed before that stays. */
export async function commitOffsets(
  client: Client,
  groupId: string,
  topics: readonly TopicOffsets[],
  member: GroupMember = NO_MEMBER,
): Promise<void> {
  await client.retrying(async () => {
    const nodeId = await groupCoordinator(client, groupId);
    const response = await client.request(
      offsetCommit,
      {
        groupId,
        generationIdOrMemberEpoch: member.memberEpoch,
        memberId: member.memberId,
        topics: topics.map(({ topic, offsets }) => ({
          name: topic,
          topicId: '',
          partitions: [...offsets].map(([partitionIndex, committedOffset]) => ({
            partitionIndex,
            committedOffset,
            committedMetadata: '',
          })),
        })),
      },
      { nodeId, maxVersion: OFFSET_COMMIT_BY_NAME },
    );
    for (const { name, partitions } of response.topics) {
      for (const { partitionIndex, errorCode } of partitions) {
        if (errorCode === ErrorCode.NONE) continue;
        throw new ClientError(errorCode, `the offset of ${name}-${partitionIndex} cannot be committed`);
      }
    }
  });
}

export interface ListedGroup {
  readonly group: string;
  /** classic or consumer; '' from brokers that do not say. */
  readonly type: string;
  readonly protocolType: string;
  readonly state: string;
}

/** The groups of all brokers by name; empty filters let everything through. */
export async function groupsOf(
  client: Client,
  states: readonly string[] = [],
  types: readonly string[] = [],
): Promise<ListedGroup[]> {
  const found: ListedGroup[] = [];
  for (const { id: nodeId } of client.cluster.brokers) {
    const filters = { statesFilter: [...states], typesFilter: [...types] };
    const groups = await client.retrying(async () => {
      const response = await client.request(listGroups, filters, { nodeId });
      throwOnError(response.errorCode, 'groups cannot be listed');
      return response.groups;
    });
    for (const { groupId, protocolType, groupState, groupType } of groups) {
      found.push({ group: groupId, type: groupType, protocolType, state: groupState });
    }
  }
  return found.sort((a, b) => (a.group < b.group ? -1 : 1));
}

/** Deletes a group that has no members, with its offsets. */
export async function deleteGroup(client: Client, groupId: string): Promise<void> {
  const nodeId = await groupCoordinator(client, groupId);
  const { results } = await client.request(deleteGroups, { groupsNames: [groupId] }, { nodeId });
  throwOnError(results[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR, `group ${groupId} was not deleted`);
}
