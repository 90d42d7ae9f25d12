// Calls about transactions, of those who look after a cluster: what there is, what hangs, and how to end it. For the command line and
// the embedded broker; what needs retrying is retried here. A transaction hangs when a partition holds it open and
// no coordinator will ever end it there; it keeps readers of committed records from going on (KIP-664).
import { ErrorCode } from '../protocol/error-code.ts';
import { describeProducers } from '../protocol/messages/describe-producers.ts';
import { describeTransactions } from '../protocol/messages/describe-transactions.ts';
import { listTransactions } from '../protocol/messages/list-transactions.ts';
import { writeTxnMarkers } from '../protocol/messages/write-txn-markers.ts';
import type { Client, PartitionMetadata } from './client.ts';
import { ClientError, throwOnError } from './client-error.ts';
import { transactionCoordinator } from './coordinators.ts';
import { type ProducerIdentity, TransactionRequests } from './transaction-requests.ts';

export const TRANSACTION_STATES = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'PrepareEpochFence',
] as const;

const OPEN_STATES: readonly string[] = ['Ongoing', 'PrepareCommit', 'PrepareAbort'];

export interface TransactionFilters {
  /** Kafka's names, as in TRANSACTION_STATES. */
  readonly states?: readonly string[];
  readonly producerIds?: readonly number[];
  /** Only transactions that are open for longer. (Brokers count what ended too, unless told of states.) */
  readonly olderThanMs?: number;
  /** A regular expression that matches the whole transactional id. */
  readonly transactionalIdPattern?: string;
}

export interface ListedTransaction {
  readonly transactionalId: string;
  /** The broker in charge of it. */
  readonly coordinator: number;
  readonly producerId: number;
  readonly state: string;
}

const DURATION_VERSION = 1;
const PATTERN_VERSION = 2;

/** The transactional ids of all brokers by name; rejects with INVALID_ARGUMENT for a state that there is not. */
export async function transactionsOf(client: Client, filters: TransactionFilters = {}): Promise<ListedTransaction[]> {
  const { producerIds = [], olderThanMs, transactionalIdPattern } = filters;
  const states = filters.states ?? (olderThanMs === undefined ? [] : OPEN_STATES);
  const found: ListedTransaction[] = [];
  for (const { id: nodeId } of client.cluster.brokers) {
    await refuseUnknownFilters(client, nodeId, filters);
    const response = await client.retrying(async () => {
      const answer = await client.request(
        listTransactions,
        {
          stateFilters: [...states],
          producerIdFilters: [...producerIds],
          ...(olderThanMs !== undefined && { durationFilter: olderThanMs }),
          ...(transactionalIdPattern !== undefined && { transactionalIdPattern }),
        },
        { nodeId },
      );
      throwOnError(answer.errorCode, 'transactions cannot be listed');
      return answer;
    });
    const [unknown] = response.unknownStateFilters;
    if (unknown !== undefined) {
      const known = TRANSACTION_STATES.join(', ');
      throw new ClientError('INVALID_ARGUMENT', `transactions have no state ${unknown}; the states are ${known}.`);
    }
    for (const { transactionalId, producerId, transactionState } of response.transactionStates) {
      found.push({ transactionalId, coordinator: nodeId, producerId, state: transactionState });
    }
  }
  return found.sort((a, b) => (a.transactionalId < b.transactionalId ? -1 : 1));
}

/** An older broker would answer as if they had not been given. */
async function refuseUnknownFilters(client: Client, nodeId: number, filters: TransactionFilters): Promise<void> {
  const { maxVersion = -1 } = (await client.versions(nodeId)).get(listTransactions.key) ?? {};
  const needed =
    filters.transactionalIdPattern !== undefined
      ? PATTERN_VERSION
      : filters.olderThanMs !== undefined
        ? DURATION_VERSION
        : 0;
  if (maxVersion >= needed) return;
  throw new ClientError(ErrorCode.UNSUPPORTED_VERSION, `broker ${nodeId} cannot list transactions with this filter`);
}

export interface DescribedTransaction extends ListedTransaction {
  readonly producerEpoch: number;
  readonly timeoutMs: number;
  /** Null when none is open. */
  readonly startTimeMs: number | null;
  /** Those that the coordinator will write markers to. */
  readonly partitions: readonly { readonly topic: string; readonly partitions: readonly number[] }[];
}

/** Rejects with TRANSACTIONAL_ID_NOT_FOUND. */
export function describeTransaction(client: Client, transactionalId: string): Promise<DescribedTransaction> {
  return client.retrying(async () => {
    const coordinator = await transactionCoordinator(client, transactionalId);
    const response = await client.request(
      describeTransactions,
      { transactionalIds: [transactionalId] },
      { nodeId: coordinator },
    );
    const answer = response.transactionStates[0];
    throwOnError(
      answer?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR,
      `transactional id ${transactionalId} cannot be described`,
    );
    const { producerId, producerEpoch, transactionState, transactionTimeoutMs, transactionStartTimeMs, topics } =
      answer!;
    return {
      transactionalId,
      coordinator,
      producerId,
      producerEpoch,
      state: transactionState,
      timeoutMs: transactionTimeoutMs,
      startTimeMs: transactionStartTimeMs > 0 ? transactionStartTimeMs : null,
      partitions: topics.map(({ topic, partitions }) => ({ topic, partitions: [...partitions].sort((a, b) => a - b) })),
    };
  });
}

export interface PartitionProducer {
  readonly topic: string;
  readonly partition: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  /** −1 before the first marker. */
  readonly coordinatorEpoch: number;
  readonly lastSequence: number;
  readonly lastTimestampMs: number;
  /** Where the transaction begins that it has open here; null without one. */
  readonly transactionStartOffset: number | null;
}

/** The producers that a partition remembers. `brokerId`: that replica's view; otherwise the leader's. */
export async function producersOf(
  client: Client,
  topic: string,
  partitions: readonly number[],
  brokerId?: number,
): Promise<PartitionProducer[]> {
  return client.retrying(async () => {
    const byNode = new Map<number, number[]>();
    for (const partition of partitions) {
      const nodeId = brokerId ?? (await client.leader(topic, partition));
      byNode.set(nodeId, [...(byNode.get(nodeId) ?? []), partition]);
    }
    const found: PartitionProducer[] = [];
    for (const [nodeId, partitionIndexes] of byNode) {
      const request = { topics: [{ name: topic, partitionIndexes }] };
      const response = await client.request(describeProducers, request, { nodeId });
      for (const { partitionIndex, errorCode, errorMessage, activeProducers } of response.topics[0]?.partitions ?? []) {
        const what = `the producers of ${topic}-${partitionIndex} cannot be described`;
        if (errorCode !== ErrorCode.NONE) client.forgetTopic(topic);
        throwOnError(errorCode, what, errorMessage);
        for (const { lastTimestamp, currentTxnStartOffset, ...producer } of activeProducers) {
          found.push({
            topic,
            partition: partitionIndex,
            ...producer,
            lastTimestampMs: lastTimestamp,
            transactionStartOffset: currentTxnStartOffset >= 0 ? currentTxnStartOffset : null,
          });
        }
      }
    }
    return found;
  });
}

/** One producer's open transaction in one partition. */
export interface PartitionTransaction {
  readonly topic: string;
  readonly partition: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
}

/** The transaction that begins at an offset; rejects with INVALID_ARGUMENT when none does. */
export async function transactionAt(
  client: Client,
  topic: string,
  partition: number,
  startOffset: number,
): Promise<PartitionTransaction> {
  const producers = await producersOf(client, topic, [partition]);
  const found = producers.find(({ transactionStartOffset }) => transactionStartOffset === startOffset);
  if (found !== undefined) return found;
  throw new ClientError(
    'INVALID_ARGUMENT',
    `no open transaction of ${topic}-${partition} begins at offset ${startOffset}; \`ottla transaction find-hanging\` shows where they begin.`,
  );
}

/** Writes the marker that no coordinator writes. Rejects with INVALID_PRODUCER_EPOCH or TRANSACTION_COORDINATOR_FENCED. */
export async function abortTransaction(client: Client, transaction: PartitionTransaction): Promise<void> {
  const { topic, partition, producerId, producerEpoch, coordinatorEpoch } = transaction;
  await client.retrying(async () => {
    const response = await client.request(
      writeTxnMarkers,
      {
        markers: [
          {
            producerId,
            producerEpoch,
            transactionResult: false,
            // Before its first marker a producer's is −1, and 0 is not above any that a coordinator has had.
            coordinatorEpoch: Math.max(0, coordinatorEpoch),
            topics: [{ name: topic, partitionIndexes: [partition] }],
          },
        ],
      },
      { nodeId: await client.leader(topic, partition) },
    );
    const errorCode = response.markers[0]?.topics[0]?.partitions[0]?.errorCode ?? ErrorCode.UNKNOWN_SERVER_ERROR;
    if (errorCode !== ErrorCode.NONE) client.forgetTopic(topic);
    throwOnError(errorCode, `the transaction of producer ${producerId} in ${topic}-${partition} was not aborted`);
  });
}

const FENCING_TIMEOUT_MS = 60_000;

/** Ends the producer of a transactional id, whoever it is, and aborts what it has open. */
export function fenceProducer(client: Client, transactionalId: string): Promise<ProducerIdentity> {
  return new TransactionRequests(client, transactionalId).init(FENCING_TIMEOUT_MS);
}

export interface HangingSearch {
  /** Absent: all topics. */
  readonly topic?: string | undefined;
  readonly partitions?: readonly number[] | undefined;
  /** Only what this broker has a replica of, as it sees it. */
  readonly brokerId?: number | undefined;
  /** No transaction may be open for longer: `transaction.max.timeout.ms` of the brokers. */
  readonly timeoutMaxMs: number;
  readonly onSearched?: ((topics: number, ofTopics: number) => void) | undefined;
}

/** Transactions that partitions have had open for longer than any may be, and that no coordinator is going to end there. */
export async function hangingTransactions(client: Client, search: HangingSearch): Promise<PartitionProducer[]> {
  const { topic, brokerId, timeoutMaxMs } = search;
  const topics =
    topic === undefined ? await client.refreshMetadata(null) : [await client.topic(topic, { refresh: true })];
  const candidates: PartitionProducer[] = [];
  let searched = 0;
  for (const { name, partitions } of topics) {
    const has = (partition: PartitionMetadata) => brokerId === undefined || partition.replicas.includes(brokerId);
    const there = partitions.filter(has).map(({ partition }) => partition);
    const asked = search.partitions ?? there;
    const openSinceMs = client.runtime.clock.nowMs() - timeoutMaxMs;
    for (const producer of asked.length > 0 ? await producersOf(client, name, asked, brokerId) : []) {
      if (producer.transactionStartOffset === null) continue;
      if (producer.lastTimestampMs < openSinceMs) candidates.push(producer);
    }
    search.onSearched?.(++searched, topics.length);
  }
  return candidates.length === 0 ? [] : withoutCoordinator(client, candidates);
}

/** A coordinator ends what it has in its list of partitions, soon or when it times out. */
async function withoutCoordinator(client: Client, candidates: PartitionProducer[]): Promise<PartitionProducer[]> {
  const producerIds = [...new Set(candidates.map(({ producerId }) => producerId))];
  const cared = new Set<string>();
  for (const { transactionalId } of await transactionsOf(client, { producerIds })) {
    const described = await describeTransaction(client, transactionalId).catch((error: ClientError) => {
      if (error.errorCode === ErrorCode.TRANSACTIONAL_ID_NOT_FOUND) return undefined;
      throw error;
    });
    for (const { topic, partitions } of described?.partitions ?? []) {
      for (const partition of partitions) cared.add(`${described!.producerId} ${topic}-${partition}`);
    }
  }
  return candidates.filter(({ producerId, topic, partition }) => !cared.has(`${producerId} ${topic}-${partition}`));
}
