// AlterReplicaLogDirs, versions 1 and 2.
//
// Behaviour: there is one log directory. Moving a partition there succeeds (it is there), any other directory is
// LOG_DIR_NOT_FOUND, a partition that does not exist UNKNOWN_TOPIC_OR_PARTITION.
//
// Deviations: none known. KIPs: 113. Source: ReplicaManager.alterReplicaLogDirs.
import type { Image, Metadata } from '../metadata/image.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type AlterReplicaLogDirsRequest,
  type AlterReplicaLogDirsResponseInput,
  alterReplicaLogDirs,
} from '../protocol/messages/alter-replica-log-dirs.ts';
import type { ApiHandler } from './api.ts';

type Dependencies = {
  readonly metadata: Pick<Metadata, 'image'>;
  /** As DescribeLogDirs shows it. */
  readonly logDirectory: string;
};

export function alterReplicaLogDirsHandler({
  metadata,
  logDirectory,
}: Dependencies): ApiHandler<AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponseInput> {
  return {
    api: alterReplicaLogDirs,
    minVersion: 1,
    maxVersion: 2,
    dispatch(request, _context, reply) {
      const errorOf = (path: string, name: string, partition: number) =>
        path === logDirectory ? moveHere(metadata.image, name, partition) : ErrorCode.LOG_DIR_NOT_FOUND;
      reply(answer(request, errorOf));
    },
    failed: (request, errorCode) => answer(request, () => errorCode),
  };
}

function answer(
  { dirs }: AlterReplicaLogDirsRequest,
  errorOf: (path: string, topic: string, partition: number) => number,
): AlterReplicaLogDirsResponseInput {
  const results = new Map<string, { partitionIndex: number; errorCode: number }[]>();
  for (const { path, topics } of dirs) {
    for (const { name, partitions } of topics) {
      const list = results.get(name) ?? [];
      results.set(name, list);
      for (const partitionIndex of partitions) {
        list.push({ partitionIndex, errorCode: errorOf(path, name, partitionIndex) });
      }
    }
  }
  return { throttleTimeMs: 0, results: [...results].map(([topicName, partitions]) => ({ topicName, partitions })) };
}

function moveHere(image: Image, topic: string, partition: number): ErrorCode {
  return image.topics.get(topic)?.partitions[partition] === undefined
    ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    : ErrorCode.NONE;
}
