// OffsetFetch, versions 1 to 10.
//
// Behaviour: the offsets that groups have committed, of named partitions or (null) of all; several groups at once since
// version 8. A partition without offset, and a group that does not exist, have offset −1 and no error. Members of consumer
// groups may say who they are (version 9: UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH). Version 10 names topics by id: UNKNOWN_TOPIC_ID, and an
// offset of a topic that had the name before is none. With requireStable (version 7) a partition that an open transaction
// has committed an offset for is UNSTABLE_OFFSET_COMMIT. Answered when everything the group committed before is durable.
//
// Deviations: none known.
// KIPs: 88, 211, 320, 447, 709 (several groups), 848, 516. Source: KafkaApis.handleOffsetFetchRequest.
import type { GroupCoordinator } from '../group/coordinator.ts';
import { type FetchedTopic, fetchOffsets, type TopicToFetch } from '../group/offset-requests.ts';
import type { Metadata } from '../metadata/image.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type OffsetFetchRequest,
  type OffsetFetchResponseInput,
  offsetFetch,
} from '../protocol/messages/offset-fetch.ts';
import { ZERO_UUID } from '../protocol/uuid.ts';
import type { ApiHandler } from './api.ts';

type Dependencies = {
  readonly groups: GroupCoordinator;
  readonly metadata: Pick<Metadata, 'image'>;
};

interface GroupRequest {
  readonly groupId: string;
  readonly memberId: string | null;
  readonly memberEpoch: number;
  readonly topics: readonly TopicToFetch[] | null;
}

type Fetch = (asked: GroupRequest) => FetchedTopic[] | number;

interface GroupAnswer {
  readonly groupId: string;
  readonly errorCode: number;
  readonly topics: readonly FetchedTopic[];
}

const FIRST_VERSION_WITH_ERROR_CODE = 2;
const FIRST_VERSION_WITH_SEVERAL_GROUPS = 8;
const FIRST_VERSION_WITH_TOPIC_IDS = 10;

export function offsetFetchHandler({
  groups,
  metadata,
}: Dependencies): ApiHandler<OffsetFetchRequest, OffsetFetchResponseInput> {
  return {
    api: offsetFetch,
    minVersion: 1,
    maxVersion: 10,
    dispatch(request, { apiVersion }, reply) {
      const byId = apiVersion >= FIRST_VERSION_WITH_TOPIC_IDS;
      const { requireStable } = request;
      groups.callEach<GroupRequest, GroupAnswer>(
        groupsOf(request, apiVersion),
        ({ groupId }) => groupId,
        (asked) => ({
          reads: true,
          refused: (errorCode) => refusal(asked, errorCode, apiVersion),
          step(shard, to) {
            const fetch: Fetch = (known) => fetchOffsets(shard, { ...known, requireStable });
            const response = byId ? fetchById(metadata.image, asked, fetch) : fetch(asked);
            const answer =
              typeof response === 'number'
                ? refusal(asked, response, apiVersion)
                : { groupId: asked.groupId, errorCode: ErrorCode.NONE, topics: response };
            return [{ type: 'reply', to, response: answer }];
          },
        }),
        (answers) => reply(answerOf(answers, apiVersion)),
      );
    },
  };
}

function groupsOf(request: OffsetFetchRequest, apiVersion: number): GroupRequest[] {
  if (apiVersion >= FIRST_VERSION_WITH_SEVERAL_GROUPS) return request.groups;
  const topics = request.topics?.map((topic) => ({ ...topic, topicId: ZERO_UUID })) ?? null;
  return [{ groupId: request.groupId, memberId: null, memberEpoch: -1, topics }];
}

/** Names for ids on the way in, ids for names on the way out. */
function fetchById(
  { topics, topicsById }: Metadata['image'],
  asked: GroupRequest,
  fetch: Fetch,
): FetchedTopic[] | number {
  if (asked.topics === null) {
    const all = fetch(asked);
    if (typeof all === 'number') return all;
    // What has no id any more cannot be written down.
    return all.flatMap((topic) => {
      const topicId = topics.get(topic.name)?.id;
      return topicId === undefined ? [] : [{ ...topic, topicId }];
    });
  }
  const named = asked.topics.map((topic) => ({ ...topic, name: topicsById.get(topic.topicId)?.name ?? '' }));
  const found = fetch({ ...asked, topics: named.filter(({ name }) => name !== '') });
  if (typeof found === 'number') return found;
  const unknown = named.filter(({ name }) => name === '');
  return [...found, ...unknown.map((topic) => withError(topic, ErrorCode.UNKNOWN_TOPIC_ID))];
}

function withError({ name, topicId, partitionIndexes }: TopicToFetch, errorCode: number): FetchedTopic {
  const nothing = { committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode };
  return { name, topicId, partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, ...nothing })) };
}

function refusal({ groupId, topics }: GroupRequest, errorCode: number, apiVersion: number): GroupAnswer {
  // Version 1 has no place for it but the partitions.
  const each = apiVersion >= FIRST_VERSION_WITH_ERROR_CODE ? [] : (topics ?? []);
  return { groupId, errorCode, topics: each.map((topic) => withError(topic, errorCode)) };
}

function answerOf(groups: readonly GroupAnswer[], apiVersion: number): OffsetFetchResponseInput {
  if (apiVersion >= FIRST_VERSION_WITH_SEVERAL_GROUPS) return { topics: [], groups };
  const [{ topics, errorCode }] = groups as [GroupAnswer];
  return { topics, errorCode, groups: [] };
}
