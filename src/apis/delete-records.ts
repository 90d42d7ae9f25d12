// DeleteRecords, versions 0 to 2: moves the start of partitions forward.
// Behaviour: −1 means up to the high watermark; an offset above it OFFSET_OUT_OF_RANGE; below the start nothing changes.
// Topics that are compacted only: POLICY_VIOLATION; internal topics: INVALID_TOPIC_EXCEPTION. The answer follows when the
// new start is durable; later than timeout.ms is REQUEST_TIMED_OUT, and the move stands.
// Deviations: Kafka's single replica moves its start at once, so a timeout of 0 or less never comes to pass there; here
// it means 30 s. KIP-107.

import { isInternalTopic } from '../metadata/topic-name.ts';
import type { Partition } from '../partition/partition.ts';
import type { Partitions } from '../partition/partitions.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type DeleteRecordsRequest,
  type DeleteRecordsResponseInput,
  deleteRecords,
} from '../protocol/messages/delete-records.ts';
import type { Clock, Timers } from '../runtime/runtime.ts';
import type { CommitTicket, Storage } from '../storage/storage.ts';
import type { ApiHandler } from './api.ts';
import { type Deadline, Deadlines } from './deadlines.ts';

type Dependencies = {
  readonly partitions: Partitions;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly timers: Timers;
};

type Answered = { partitionIndex: number; lowWatermark: number; errorCode: ErrorCode };

const INVALID_LOW_WATERMARK = -1;
const TIMEOUT_MS_WITHOUT_ONE = 30_000;

export function deleteRecordsHandler(
  dependencies: Dependencies,
): ApiHandler<DeleteRecordsRequest, DeleteRecordsResponseInput> {
  const { partitions, storage, clock, timers } = dependencies;
  const deadlines = new Deadlines(clock, timers);
  return {
    api: deleteRecords,
    minVersion: 0,
    maxVersion: 2,
    dispatch(request, _context, reply) {
      let ticket: CommitTicket | undefined;
      const pending: { partition: Partition; answer: Answered }[] = [];
      const move = (topic: string, partitionIndex: number, offset: number): Answered => {
        const answer: Answered = { partitionIndex, lowWatermark: INVALID_LOW_WATERMARK, errorCode: ErrorCode.NONE };
        const partition = partitions.byName(topic, partitionIndex);
        if (partition === undefined) answer.errorCode = partitions.absence(topic, partitionIndex);
        else if (isInternalTopic(topic)) answer.errorCode = ErrorCode.INVALID_TOPIC_EXCEPTION;
        else if (!storage.writable) answer.errorCode = ErrorCode.KAFKA_STORAGE_ERROR;
        else {
          const moved = partition.deleteRecords(offset);
          answer.errorCode = moved.errorCode;
          if (moved.errorCode === ErrorCode.NONE) {
            answer.lowWatermark = partition.logStartOffset;
            if (moved.ticket !== undefined) {
              ticket = Math.max(ticket ?? moved.ticket, moved.ticket);
              pending.push({ partition, answer });
            }
          }
        }
        return answer;
      };
      const topics = request.topics.map((topic) => ({
        name: topic.name,
        partitions: topic.partitions.map(({ partitionIndex, offset }) => move(topic.name, partitionIndex, offset)),
      }));

      if (ticket === undefined) return reply({ throttleTimeMs: 0, topics });
      let answered = false;
      const answer = (): void => {
        answered = true;
        deadlines.remove(deadline);
        reply({ throttleTimeMs: 0, topics });
      };
      const deadline: Deadline = {
        dueAtMs: clock.monotonicMs() + (request.timeoutMs > 0 ? request.timeoutMs : TIMEOUT_MS_WITHOUT_ONE),
        expired() {
          for (const { answer } of pending) answer.errorCode = ErrorCode.REQUEST_TIMED_OUT;
          answer();
        },
      };
      storage.whenCommitted(ticket, () => {
        if (answered) return;
        for (const { partition, answer } of pending) {
          answer.lowWatermark = partition.logStartOffset;
          if (!partition.deleted) continue;
          answer.errorCode = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
          answer.lowWatermark = INVALID_LOW_WATERMARK;
        }
        answer();
      });
      if (!answered) deadlines.add(deadline);
    },
    failed: ({ topics }, errorCode) => ({
      throttleTimeMs: 0,
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({
          partitionIndex,
          lowWatermark: INVALID_LOW_WATERMARK,
          errorCode,
        })),
      })),
    }),
  };
}
