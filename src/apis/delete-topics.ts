// DeleteTopics, versions 1 to 6; by name, and from version 6 on by name or id.
//
// Behaviour: delete.topic.enable=false answers every topic TOPIC_DELETION_DISABLED (INVALID_REQUEST before version 3).
// Name and id together, neither, or one topic named twice, also once by name and once by id: INVALID_REQUEST for it.
// Deviations: timeout.ms is not looked at, deletion takes one commit. KIPs: 4, 516, 599.
import type { Configs } from '../metadata/configs/configs.ts';
import type { Image, Metadata } from '../metadata/image.ts';
import type { Topics } from '../metadata/topics.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type DeleteTopicsRequest,
  type DeleteTopicsResponseInput,
  deleteTopics,
} from '../protocol/messages/delete-topics.ts';
import { ZERO_UUID } from '../protocol/uuid.ts';
import type { MutationQuotas } from '../quota/mutation-quotas.ts';
import type { ApiHandler } from './api.ts';
import { splitRepeated } from './repeated.ts';
import { clientOf } from './throttling.ts';

type Dependencies = {
  readonly metadata: Pick<Metadata, 'image'>;
  readonly topics: Topics;
  readonly configs: Configs;
  /** Undefined: everybody may change as much as he likes. */
  readonly mutations?: MutationQuotas | undefined;
};
/** Earlier clients do not know THROTTLING_QUOTA_EXCEEDED (KIP-599). */
const FIRST_VERSION_WITH_STRICT_QUOTA = 5;

type Result = DeleteTopicsResponseInput['responses'][number];
/** A topic as the request names it: one of name and id says nothing. */
type Named = { readonly name: string | null; readonly topicId: string };
type Existing = Named & { readonly id: string };

export function deleteTopicsHandler(
  dependencies: Dependencies,
): ApiHandler<DeleteTopicsRequest, DeleteTopicsResponseInput> {
  const { metadata, topics, configs, mutations } = dependencies;
  return {
    api: deleteTopics,
    minVersion: 1,
    maxVersion: 6,
    async dispatch(request, context, reply) {
      const named = namedIn(request);
      if (!configs.broker.deleteTopicEnable) {
        const errorCode = context.apiVersion < 3 ? ErrorCode.INVALID_REQUEST : ErrorCode.TOPIC_DELETION_DISABLED;
        return reply({
          throttleTimeMs: 0,
          responses: named.map((each) => refused(each, errorCode, 'Topic deletion is disabled.')),
        });
      }
      const { existing, responses } = resolve(metadata.image, named);
      const quota = mutations?.of(clientOf(context), context.apiVersion >= FIRST_VERSION_WITH_STRICT_QUOTA);
      const charge = quota && ((id: string, partitions: number) => quota.charge(id, partitions));
      const outcomes = await topics.delete(
        existing.map((each) => each.id),
        charge,
      );
      for (const [index, { name, topicId, id }] of existing.entries()) {
        const outcome = outcomes[index]!;
        responses.push(
          outcome.refusal
            ? refused({ name, topicId }, outcome.refusal.errorCode, outcome.refusal.errorMessage)
            : { name: outcome.topic.name, topicId: id, errorCode: ErrorCode.NONE, errorMessage: null },
        );
      }
      reply({ throttleTimeMs: quota?.throttleMs ?? 0, responses });
    },
    failed: (request, errorCode) => ({
      throttleTimeMs: 0,
      responses: namedIn(request).map((each) => refused(each, errorCode, null)),
    }),
  };
}

function namedIn({ topics, topicNames }: DeleteTopicsRequest): Named[] {
  return [...topics, ...topicNames.map((name) => ({ name, topicId: ZERO_UUID }))];
}

/** The topics that can be deleted, and the answers for the others. */
function resolve(image: Image, named: readonly Named[]): { existing: Existing[]; responses: Result[] } {
  const responses: Result[] = [];
  const clear = named.filter((each) => {
    const hasId = each.topicId !== ZERO_UUID;
    if ((each.name === null) === hasId) return true;
    const what = hasId
      ? 'You may not specify both topic name and topic id.'
      : 'Neither topic name nor id were specified.';
    responses.push(refused(each, ErrorCode.INVALID_REQUEST, what));
    return false;
  });
  const { once, repeated } = splitRepeated(clear, (each) => each.name ?? `id ${each.topicId}`);
  for (const key of repeated) {
    const each = clear.find((one) => (one.name ?? `id ${one.topicId}`) === key)!;
    const what = each.name === null ? 'Duplicate topic id.' : 'Duplicate topic name.';
    responses.push(refused(each, ErrorCode.INVALID_REQUEST, what));
  }
  const existing: Existing[] = [];
  for (const each of once) {
    const topic = each.name === null ? image.topicsById.get(each.topicId) : image.topics.get(each.name);
    if (topic) existing.push({ ...each, id: topic.id });
    else
      responses.push(
        refused(each, each.name === null ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, null),
      );
  }
  const distinct = splitRepeated(existing, (each) => each.id);
  for (const id of distinct.repeated) {
    const twice = 'The provided topic name maps to an ID that was already supplied.';
    const name = existing.find((each) => each.id === id && each.name !== null)?.name ?? null;
    responses.push(refused({ name, topicId: id }, ErrorCode.INVALID_REQUEST, twice));
  }
  return { existing: distinct.once, responses };
}

function refused({ name, topicId }: Named, errorCode: number, errorMessage: string | null): Result {
  return { name, topicId, errorCode, errorMessage };
}
