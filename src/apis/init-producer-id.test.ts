import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProducerIds } from '../metadata/producer-ids.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { type InitProducerIdRequestInput, initProducerId } from '../protocol/messages/init-producer-id.ts';
import { call, dependenciesOf, PartitionWorld, settle } from './data-api-world.suite.ts';
import { initProducerIdHandler } from './init-producer-id.ts';

class World extends PartitionWorld {
  handler = this.#handler();

  /** Another start of the broker over the same metadata. */
  startAgain(): void {
    this.handler = this.#handler();
  }

  start(version = 5, more: Partial<InitProducerIdRequestInput> = {}) {
    return call(initProducerId, this.handler, version, { transactionalId: null, transactionTimeoutMs: 1000, ...more });
  }

  async ask(version = 5, more: Partial<InitProducerIdRequestInput> = {}) {
    const asked = this.start(version, more);
    await settle();
    const { errorCode, producerId, producerEpoch } = asked.got;
    return { errorCode, producerId, producerEpoch };
  }

  #handler() {
    const transactions = { initProducerId: () => undefined };
    return initProducerIdHandler({
      ...dependenciesOf(this),
      producerIds: new ProducerIds(this.metadata),
      transactions,
    });
  }
}

test('every request gets the next producer id, with epoch 0', async () => {
  const made = new World();
  for (let version = 0; version <= 5; version++) {
    assert.deepEqual(await made.ask(version), { errorCode: 0, producerId: version, producerEpoch: 0 });
  }
});

test('ids are reserved before they are given out, and a restart goes on behind the reserved ones', async () => {
  const made = new World();
  const first = made.start();
  assert.equal(first.answer, undefined);
  await settle();
  assert.equal(made.metadata.image.nextProducerId, 1000);
  made.startAgain();
  assert.equal((await made.ask()).producerId, 1000);
  assert.equal(made.metadata.image.nextProducerId, 2000);
});

test('no id is given twice, however many ask at once and whoever else reserves', async () => {
  const made = new World();
  const asked = Array.from({ length: 2500 }, () => made.start());
  made.metadata.apply({ type: 'producer-ids-reserved', next: made.metadata.image.nextProducerId + 1000 });
  await settle();
  await settle();
  const ids = asked.map(({ got }) => got.producerId);
  assert.equal(new Set(ids).size, 2500);
  assert.deepEqual(
    [...ids].sort((a, b) => a - b),
    ids,
  );
});

test('when nothing can be reserved the client is told to try again, and later it works', async () => {
  const made = new World();
  made.metadata.failure = new Error('disk full');
  assert.deepEqual(await made.ask(), {
    errorCode: ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    producerId: -1,
    producerEpoch: -1,
  });
  made.metadata.failure = undefined;
  assert.equal((await made.ask()).producerId, 0);
});

test('an id that a producer had before is replaced by a new one', async () => {
  const made = new World();
  await made.ask();
  assert.deepEqual(await made.ask(4, { producerId: 0, producerEpoch: 3 }), {
    errorCode: 0,
    producerId: 1,
    producerEpoch: 0,
  });
});

test('an id without an epoch, or the reverse, is an invalid request', async () => {
  const made = new World();
  assert.equal((await made.ask(4, { producerId: 5 })).errorCode, ErrorCode.INVALID_REQUEST);
  assert.equal((await made.ask(4, { producerEpoch: 5 })).errorCode, ErrorCode.INVALID_REQUEST);
});
