// AddOffsetsToTxn, versions 0 to 4.
//
// Behaviour: adds the partition of __consumer_offsets that holds a group's offsets to the open transaction, as AddPartitionsToTxn
// adds others. PRODUCER_FENCED is INVALID_PRODUCER_EPOCH before version 2. Clients of transaction version 2 do without it.
//
// Deviations: __consumer_offsets is created when it does not exist; Kafka computes the partition of a topic to come.
//
// KIPs: 98, 360. Source: KafkaApis.handleAddOffsetsToTxnRequest.
import type { GroupCoordinator } from '../group/coordinator.ts';
import { CONSUMER_OFFSETS } from '../metadata/topic-name.ts';
import type { Topics } from '../metadata/topics.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type AddOffsetsToTxnRequest,
  type AddOffsetsToTxnResponseInput,
  addOffsetsToTxn,
} from '../protocol/messages/add-offsets-to-txn.ts';
import type { TransactionCoordinator } from '../transaction/coordinator.ts';
import type { ApiHandler } from './api.ts';
import { fencedAs } from './fenced-as.ts';

type Dependencies = {
  readonly transactions: Pick<TransactionCoordinator, 'addPartitions'>;
  readonly groups: Pick<GroupCoordinator, 'partitionOf'>;
  readonly topics: Pick<Topics, 'autoCreate'>;
};

const FIRST_VERSION_WITH_FENCED = 2;

export function addOffsetsToTxnHandler({
  transactions,
  groups,
  topics,
}: Dependencies): ApiHandler<AddOffsetsToTxnRequest, AddOffsetsToTxnResponseInput> {
  return {
    api: addOffsetsToTxn,
    minVersion: 0,
    maxVersion: 4,
    dispatch(request, { apiVersion }, reply) {
      const answer = (code: number) =>
        reply({ throttleTimeMs: 0, errorCode: fencedAs(code, apiVersion, FIRST_VERSION_WITH_FENCED) });
      const add = () => {
        const partition = groups.partitionOf(request.groupId);
        if (partition === -1) return answer(ErrorCode.COORDINATOR_NOT_AVAILABLE);
        // Only clients of transaction versions before 2 send it.
        return transactions.addPartitions(request, new Map([[CONSUMER_OFFSETS, new Set([partition])]]), 0, answer);
      };
      if (groups.partitionOf(request.groupId) !== -1) return add();
      return topics.autoCreate(CONSUMER_OFFSETS).then(add);
    },
  };
}
