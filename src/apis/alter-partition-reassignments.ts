// AlterPartitionReassignments, versions 0 and 1.
//
// Behaviour: with one broker the only assignment a partition can get is the one it has, which succeeds at once and moves
// nothing; other replicas are INVALID_REPLICA_ASSIGNMENT (not registered, named twice, none at all), a changed number of replicas
// where that is not allowed INVALID_REPLICATION_FACTOR, cancelling NO_REASSIGNMENT_IN_PROGRESS.
//
// Deviations: none known. KIPs: 455, 860 (replication factor change). Source: ReplicationControlManager.alterPartitionReassignments.
import type { Image, Metadata, PartitionImage } from '../metadata/image.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type AlterPartitionReassignmentsRequest,
  type AlterPartitionReassignmentsResponseInput,
  alterPartitionReassignments,
} from '../protocol/messages/alter-partition-reassignments.ts';
import type { ApiHandler } from './api.ts';

type Dependencies = {
  readonly metadata: Pick<Metadata, 'image'>;
  readonly brokerId: number;
};

type Outcome = { readonly errorCode: ErrorCode; readonly errorMessage: string | null };

const DONE: Outcome = { errorCode: ErrorCode.NONE, errorMessage: null };

export function alterPartitionReassignmentsHandler({
  metadata,
  brokerId,
}: Dependencies): ApiHandler<AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponseInput> {
  return {
    api: alterPartitionReassignments,
    minVersion: 0,
    maxVersion: 1,
    dispatch(request, _context, reply) {
      const { image } = metadata;
      const isRegistered = (id: number) => id === brokerId || image.brokers.has(id);
      reply({
        throttleTimeMs: 0,
        allowReplicationFactorChange: request.allowReplicationFactorChange,
        errorCode: ErrorCode.NONE,
        errorMessage: null,
        responses: request.topics.map(({ name, partitions }) => ({
          name,
          partitions: partitions.map(({ partitionIndex, replicas }) => ({
            partitionIndex,
            ...reassign(image, name, partitionIndex, replicas, request.allowReplicationFactorChange, isRegistered),
          })),
        })),
      });
    },
    failed: (request, errorCode) => ({
      throttleTimeMs: 0,
      errorCode,
      errorMessage: null,
      responses: request.topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode, errorMessage: null })),
      })),
    }),
  };
}

function reassign(
  image: Image,
  topic: string,
  index: number,
  replicas: readonly number[] | null,
  allowReplicationFactorChange: boolean,
  isRegistered: (brokerId: number) => boolean,
): Outcome {
  const found = image.topics.get(topic);
  if (found === undefined) {
    return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `Unable to find a topic named ${topic}.`);
  }
  const partition = found.partitions[index];
  if (partition === undefined) {
    return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `Unable to find partition ${topic}:${index}.`);
  }
  if (replicas === null) {
    return refused(ErrorCode.NO_REASSIGNMENT_IN_PROGRESS, null);
  }
  return (
    invalidAssignment(replicas, isRegistered) ??
    changedFactor(partition, replicas, allowReplicationFactorChange) ??
    DONE
  );
}

function invalidAssignment(
  replicas: readonly number[],
  isRegistered: (brokerId: number) => boolean,
): Outcome | undefined {
  const refuse = (why: string) =>
    refused(ErrorCode.INVALID_REPLICA_ASSIGNMENT, `The manual partition assignment includes ${why}.`);
  if (replicas.length === 0) {
    return refuse('an empty replica list');
  }
  const sorted = [...replicas].sort((a, b) => a - b);
  for (const [at, replica] of sorted.entries()) {
    if (!isRegistered(replica)) {
      return refuse(`broker ${replica}, but no such broker is registered`);
    }
    if (at > 0 && sorted[at - 1] === replica) {
      return refuse(`the broker ${replica} more than once`);
    }
  }
  return undefined;
}

function changedFactor(partition: PartitionImage, replicas: readonly number[], allowed: boolean): Outcome | undefined {
  const [before, after] = [partition.replicas.length, replicas.length];
  return allowed || before === after
    ? undefined
    : refused(ErrorCode.INVALID_REPLICATION_FACTOR, `The replication factor is changed from ${before} to ${after}`);
}

function refused(errorCode: ErrorCode, errorMessage: string | null): Outcome {
  return { errorCode, errorMessage };
}
