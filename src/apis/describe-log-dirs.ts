// DescribeLogDirs, versions 1 to 5.
//
// Behaviour: one log directory with the sizes of this broker's partitions and the space of its volume. Null topics means
// all; partitions that are not here are left out. The lag of a leader's own log is 0 and no log is a future one.
//
// Deviations: what still lies in the write-ahead log counts to its partition's size. Without a directory (everything in
// memory) the volume's sizes are −1. KIPs: 113, 827 (total and usable bytes).
import type { Partition } from '../partition/partition.ts';
import type { Partitions } from '../partition/partitions.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type DescribeLogDirsRequest,
  type DescribeLogDirsResponseInput,
  describeLogDirs,
} from '../protocol/messages/describe-log-dirs.ts';
import type { Files } from '../runtime/files.ts';
import type { ApiHandler } from './api.ts';

type Dependencies = {
  readonly partitions: Pick<Partitions, 'all' | 'byName'>;
  readonly files: Pick<Files, 'space'>;
  /** What clients see as the log directory. */
  readonly logDirectory: string;
};

type DescribedTopics = DescribeLogDirsResponseInput['results'][number]['topics'];
type DescribedPartition = DescribedTopics[number]['partitions'][number];

const UNKNOWN_SPACE = { freeBytes: -1, totalBytes: -1 };

export function describeLogDirsHandler(
  dependencies: Dependencies,
): ApiHandler<DescribeLogDirsRequest, DescribeLogDirsResponseInput> {
  const { files, logDirectory } = dependencies;
  return {
    api: describeLogDirs,
    minVersion: 1,
    maxVersion: 5,
    async dispatch(request, _context, reply) {
      const space = await files.space(logDirectory).catch(() => UNKNOWN_SPACE);
      reply({
        throttleTimeMs: 0,
        errorCode: ErrorCode.NONE,
        results: [
          {
            errorCode: ErrorCode.NONE,
            logDir: logDirectory,
            topics: describe(dependencies, request),
            totalBytes: space.totalBytes,
            usableBytes: space.freeBytes,
            isCordoned: false,
          },
        ],
      });
    },
  };
}

function describe({ partitions }: Dependencies, request: DescribeLogDirsRequest): DescribedTopics {
  const topics = new Map<string, DescribedPartition[]>();
  for (const partition of request.topics === null ? partitions.all() : asked(partitions, request.topics)) {
    const list = topics.get(partition.id.topic) ?? [];
    topics.set(partition.id.topic, list);
    list.push({
      partitionIndex: partition.id.partition,
      partitionSize: partition.sizeBytes,
      offsetLag: 0,
      isFutureKey: false,
    });
  }
  return [...topics].map(([name, list]) => ({ name, partitions: list }));
}

function* asked(
  partitions: Pick<Partitions, 'byName'>,
  topics: NonNullable<DescribeLogDirsRequest['topics']>,
): Generator<Partition> {
  const seen = new Set<Partition>();
  for (const { topic, partitions: indexes } of topics) {
    for (const index of indexes) {
      const partition = partitions.byName(topic, index);
      if (partition !== undefined && !seen.has(partition)) {
        seen.add(partition);
        yield partition;
      }
    }
  }
}
