// Which brokers get the replicas of new partitions.
import { ErrorCode } from '../protocol/error-code.ts';
import type { Random } from '../runtime/runtime.ts';
import type { Image } from './image.ts';
import { refuse } from './refusal.ts';

/** Broker ids per partition, the leader first: leaders go round from a random broker, followers are the next ones. */
export function placeReplicas(
  image: Image,
  random: Random,
  partitionCount: number,
  replicationFactor: number,
): number[][] {
  const brokers = [...image.brokers.keys()].sort((one, other) => one - other);
  if (replicationFactor > brokers.length) {
    refuse(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      `Unable to replicate the partition ${replicationFactor} time(s): The target replication factor of ` +
        `${replicationFactor} cannot be reached because only ${brokers.length} broker(s) are registered.`,
    );
  }
  const first = random.below(brokers.length);
  return Array.from({ length: partitionCount }, (_, partition) =>
    Array.from({ length: replicationFactor }, (_, replica) => brokers[(first + partition + replica) % brokers.length]!),
  );
}

/** A manual assignment: known brokers, none twice, as many as in the partitions before. */
export function checkAssignment(
  image: Image,
  brokerIds: readonly number[],
  replicationFactor: number | undefined,
): void {
  const bad = (what: string): never =>
    refuse(ErrorCode.INVALID_REPLICA_ASSIGNMENT, `The manual partition assignment includes ${what}`);
  if (brokerIds.length === 0) bad('an empty replica list.');
  const seen = new Set<number>();
  for (const id of brokerIds) {
    if (!image.brokers.has(id)) bad(`broker ${id}, but no such broker is registered.`);
    if (seen.has(id)) bad(`the broker ${id} more than once.`);
    seen.add(id);
  }
  if (replicationFactor !== undefined && brokerIds.length !== replicationFactor) {
    bad(
      `a partition with ${brokerIds.length} replica(s), but this is not consistent with previous partitions, ` +
        `which have ${replicationFactor} replica(s).`,
    );
  }
}
