// ListPartitionReassignments, version 0.
//
// Behaviour: nothing is ever being reassigned, so the list is empty, for known and for unknown topics, as in Kafka.
//
// Deviations: none known. KIPs: 455.
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type ListPartitionReassignmentsRequest,
  type ListPartitionReassignmentsResponseInput,
  listPartitionReassignments,
} from '../protocol/messages/list-partition-reassignments.ts';
import type { ApiHandler } from './api.ts';

export function listPartitionReassignmentsHandler(): ApiHandler<
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponseInput
> {
  return {
    api: listPartitionReassignments,
    minVersion: 0,
    maxVersion: 0,
    dispatch(_request, _context, reply) {
      reply({ throttleTimeMs: 0, errorCode: ErrorCode.NONE, errorMessage: null, topics: [] });
    },
    // As Kafka, with what was asked for and empty lists of replicas.
    failed: (request, errorCode) => ({
      throttleTimeMs: 0,
      errorCode,
      errorMessage: null,
      topics: (request.topics ?? []).map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partitionIndex) => ({
          partitionIndex,
          replicas: [],
          addingReplicas: [],
          removingReplicas: [],
        })),
      })),
    }),
  };
}
