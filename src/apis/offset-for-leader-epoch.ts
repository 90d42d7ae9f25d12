// OffsetForLeaderEpoch, versions 2 to 4: where a leader epoch of a partition ends, so that a client finds out whether
// what it read was cut off behind its back.
// Behaviour: of the largest known epoch at or below the asked one, the offset after its last committed record; −1 and −1
// when the epoch is newer than any. Deviations: none known. KIPs: 101, 279, 320.
import { UNDEFINED_EPOCH, UNDEFINED_OFFSET } from '../partition/leader-epochs.ts';
import type { Partitions } from '../partition/partitions.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type OffsetForLeaderEpochRequest,
  type OffsetForLeaderEpochResponseInput,
  offsetForLeaderEpoch,
} from '../protocol/messages/offset-for-leader-epoch.ts';
import type { ApiHandler } from './api.ts';

type Asked = OffsetForLeaderEpochRequest['topics'][number]['partitions'][number];
type Answered = OffsetForLeaderEpochResponseInput['topics'][number]['partitions'][number];

type Dependencies = { readonly partitions: Partitions };

export function offsetForLeaderEpochHandler(
  dependencies: Dependencies,
): ApiHandler<OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponseInput> {
  return {
    api: offsetForLeaderEpoch,
    minVersion: 2,
    maxVersion: 4,
    dispatch(request, _context, reply) {
      const topics = request.topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map((asked) => answer(dependencies.partitions, topic, asked)),
      }));
      reply({ throttleTimeMs: 0, topics });
    },
    failed: ({ topics }, errorCode) => ({
      throttleTimeMs: 0,
      topics: topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map((asked) => refused(asked, errorCode)),
      })),
    }),
  };
}

function answer(partitions: Partitions, topic: string, asked: Asked): Answered {
  const partition = partitions.byName(topic, asked.partition);
  const errorCode =
    partition === undefined
      ? partitions.absence(topic, asked.partition)
      : partition.checkLeaderEpoch(asked.currentLeaderEpoch);
  if (partition === undefined || errorCode !== ErrorCode.NONE) {
    return refused(asked, errorCode);
  }
  const end = partition.endOfEpoch(asked.leaderEpoch);
  return { partition: asked.partition, errorCode, leaderEpoch: end.epoch, endOffset: end.endOffset };
}

function refused({ partition }: Asked, errorCode: number): Answered {
  return { partition, errorCode, leaderEpoch: UNDEFINED_EPOCH, endOffset: UNDEFINED_OFFSET };
}
