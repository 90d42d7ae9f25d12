// A transaction coordinator with its APIs around it. Requests go through the real codec at their version.
import { CONSUMER_OFFSETS } from '../metadata/topic-name.ts';
import type { Api, RequestInputOf, ResponseOf } from '../protocol/api.ts';
import { addOffsetsToTxn } from '../protocol/messages/add-offsets-to-txn.ts';
import { addPartitionsToTxn } from '../protocol/messages/add-partitions-to-txn.ts';
import { describeTransactions } from '../protocol/messages/describe-transactions.ts';
import { endTxn } from '../protocol/messages/end-txn.ts';
import { initProducerId } from '../protocol/messages/init-producer-id.ts';
import { listTransactions } from '../protocol/messages/list-transactions.ts';
import { TransactionWorld } from '../transaction/transaction-world.suite.ts';
import { addOffsetsToTxnHandler } from './add-offsets-to-txn.ts';
import { addPartitionsToTxnHandler } from './add-partitions-to-txn.ts';
import { type Call, call, settle } from './data-api-world.suite.ts';
import { describeTransactionsHandler } from './describe-transactions.ts';
import { endTxnHandler } from './end-txn.ts';
import { initProducerIdHandler } from './init-producer-id.ts';
import { listTransactionsHandler } from './list-transactions.ts';
import type { AnyApiHandler } from './registry.ts';

export interface Producer {
  readonly producerId: number;
  readonly producerEpoch: number;
}

export class TransactionApiWorld extends TransactionWorld {
  send<A extends Api>(api: A, version: number, request: RequestInputOf<A>): Call<A> {
    return call(api, this.#handlers().get(api)!, version, request);
  }

  /** Sends, settles, and returns the answer. */
  async ask<A extends Api>(api: A, version: number, request: RequestInputOf<A>): Promise<ResponseOf<A>> {
    const sent = this.send(api, version, request);
    await settle();
    this.settle();
    return sent.got;
  }

  async init(transactionalId: string | null, more: object = {}, version = 5) {
    const request = { transactionalId, transactionTimeoutMs: 60_000, ...more };
    const { errorCode, producerId, producerEpoch } = await this.ask(initProducerId, version, request);
    return { errorCode, producerId, producerEpoch };
  }

  async end(transactionalId: string, producer: Producer, committed: boolean, version = 5) {
    const { producerId, producerEpoch } = producer;
    const request = { transactionalId, producerId, producerEpoch, committed };
    const answer = await this.ask(endTxn, version, request);
    return { errorCode: answer.errorCode, producerId: answer.producerId, producerEpoch: answer.producerEpoch };
  }

  /** The error code of each partition. */
  async add(
    transactionalId: string,
    producer: Producer,
    partitions: Readonly<Record<string, readonly number[]>>,
    version = 3,
  ): Promise<Record<string, number>> {
    const { resultsByTopicV3AndBelow } = await this.ask(addPartitionsToTxn, version, {
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producer.producerId,
      v3AndBelowProducerEpoch: producer.producerEpoch,
      v3AndBelowTopics: topicsOf(partitions),
    } as never);
    return codesOf(resultsByTopicV3AndBelow);
  }

  /** As another broker: the error code of each partition. */
  async addOrVerify(
    transactionalId: string,
    producer: Producer,
    partitions: Readonly<Record<string, readonly number[]>>,
    verifyOnly: boolean,
  ): Promise<Record<string, number>> {
    const { producerId, producerEpoch } = producer;
    const topics = topicsOf(partitions);
    const transactions = [{ transactionalId, producerId, producerEpoch, verifyOnly, topics }];
    const { resultsByTransaction } = await this.ask(addPartitionsToTxn, 5, { transactions } as never);
    return codesOf(resultsByTransaction[0]!.topicResults);
  }

  async describe(transactionalId: string) {
    const { transactionStates } = await this.ask(describeTransactions, 0, { transactionalIds: [transactionalId] });
    return transactionStates[0]!;
  }

  #handlers(): ReadonlyMap<Api, AnyApiHandler> {
    const all = {
      transactions: this.coordinator,
      producerIds: this.producerIds,
      partitions: this.partitions,
      settings: this.configs.broker,
      log: this.log,
      // A group's offsets are in partition 0 as soon as the topic exists, which is made when it is asked for.
      groups: { partitionOf: () => (this.metadata.image.topics.has(CONSUMER_OFFSETS) ? 0 : -1) },
      topics: {
        autoCreate: (name: string) => {
          this.createTopic(name);
          return Promise.resolve({ refusal: undefined } as never);
        },
      },
    };
    return new Map<Api, AnyApiHandler>([
      [initProducerId, initProducerIdHandler(all)],
      [addPartitionsToTxn, addPartitionsToTxnHandler(all)],
      [addOffsetsToTxn, addOffsetsToTxnHandler(all)],
      [endTxn, endTxnHandler(all)],
      [describeTransactions, describeTransactionsHandler(all)],
      [listTransactions, listTransactionsHandler(all)],
    ]);
  }
}

function topicsOf(partitions: Readonly<Record<string, readonly number[]>>) {
  return Object.entries(partitions).map(([name, indexes]) => ({ name, partitions: [...indexes] }));
}

function codesOf(
  topics: readonly {
    readonly name: string;
    readonly resultsByPartition: readonly { readonly partitionIndex: number; readonly partitionErrorCode: number }[];
  }[],
): Record<string, number> {
  return Object.fromEntries(
    topics.flatMap(({ name, resultsByPartition }) =>
      resultsByPartition.map(({ partitionIndex, partitionErrorCode }) => [
        `${name}-${partitionIndex}`,
        partitionErrorCode,
      ]),
    ),
  );
}
