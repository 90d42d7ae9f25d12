// WriteTxnMarkers, versions 1 and 2: ends transactions in partitions. The coordinator of this broker writes its markers
// without a request; admins send it to abort a transaction that hangs.
//
// Behaviour: one marker is appended to each partition, in the order of the request, and all is answered when everything is
// committed. A marker of a producer without an open transaction is written too. Errors are per partition:
// UNKNOWN_TOPIC_OR_PARTITION, INVALID_PRODUCER_EPOCH (with transaction version 2 the epoch must have risen),
// TRANSACTION_COORDINATOR_FENCED, KAFKA_STORAGE_ERROR. Markers of one producer id are answered as one, a partition once, with its
// last error, as in Kafka. In __consumer_offsets the group coordinator writes; NOT_LEADER_OR_FOLLOWER while it loads.
//
// Deviations: a negative transaction version counts as 0 (Kafka: UNKNOWN_SERVER_ERROR).
//
// KIPs: 98, 664 (aborts by admins), 890 and 1228 (transaction version).
import type { WriteMarker } from '../partition/end-marker.ts';
import type { ErrorCode } from '../protocol/error-code.ts';
import {
  type WriteTxnMarkersRequest,
  type WriteTxnMarkersResponseInput,
  writeTxnMarkers,
} from '../protocol/messages/write-txn-markers.ts';
import { ControlType } from '../records/control-batch.ts';
import type { CommitTicket, Storage } from '../storage/storage.ts';
import type { ApiHandler } from './api.ts';

type Dependencies = {
  readonly storage: Storage;
  readonly writeMarker: WriteMarker;
};

/** Partition → error, by topic, by producer id; all in the order in which the request names them first. */
type Outcomes = Map<number, Map<string, Map<number, ErrorCode>>>;

export function writeTxnMarkersHandler(
  dependencies: Dependencies,
): ApiHandler<WriteTxnMarkersRequest, WriteTxnMarkersResponseInput> {
  const { storage, writeMarker } = dependencies;
  return {
    api: writeTxnMarkers,
    minVersion: 1,
    maxVersion: 2,
    dispatch(request, _context, reply) {
      const outcomes: Outcomes = new Map();
      const ticket = appendAll(request, writeMarker, outcomes);
      const answer = responseOf(outcomes);
      if (ticket === undefined) reply(answer);
      else storage.whenCommitted(ticket, () => reply(answer));
    },
    failed(request, errorCode) {
      const outcomes: Outcomes = new Map();
      appendAll(request, () => ({ errorCode: errorCode as ErrorCode, ticket: undefined }), outcomes);
      return responseOf(outcomes);
    },
  };
}

/** The newest ticket. */
function appendAll(
  { markers }: WriteTxnMarkersRequest,
  writeMarker: WriteMarker,
  outcomes: Outcomes,
): CommitTicket | undefined {
  let newest: CommitTicket | undefined;
  for (const { topics, transactionResult, ...producer } of markers) {
    const marker = { ...producer, type: transactionResult ? ControlType.COMMIT : ControlType.ABORT };
    const ofProducer = entryOf(outcomes, producer.producerId, () => new Map<string, Map<number, ErrorCode>>());
    for (const { name, partitionIndexes } of topics) {
      const ofTopic = entryOf(ofProducer, name, () => new Map<number, ErrorCode>());
      for (const partition of partitionIndexes) {
        const { errorCode, ticket } = writeMarker(name, partition, marker);
        ofTopic.set(partition, errorCode);
        if (ticket !== undefined) newest = Math.max(newest ?? ticket, ticket);
      }
    }
  }
  return newest;
}

function responseOf(outcomes: Outcomes): WriteTxnMarkersResponseInput {
  return {
    markers: [...outcomes].map(([producerId, topics]) => ({
      producerId,
      topics: [...topics].map(([name, partitions]) => ({
        name,
        partitions: [...partitions].map(([partitionIndex, errorCode]) => ({ partitionIndex, errorCode })),
      })),
    })),
  };
}

function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
