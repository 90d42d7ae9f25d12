// Random lives of transactional producers over a real coordinator and real partitions: messages come late, twice and out of
// order, answers are lost, producers are replaced while their messages are still on the way, the wall clock jumps, markers
// cannot be written for a while, the broker is killed with any part of what it had appended. At the end, what readers of
// committed records see is held against what the producers were told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ErrorCode } from '../protocol/error-code.ts';
import { ControlType, readControlType } from '../records/control-batch.ts';
import { readBatches } from '../records/read-batches.ts';
import type { EndAnswer, InitAnswer, ProducerClaim } from './transaction-machine.ts';
import { TransactionWorld } from './transaction-world.suite.ts';

const TRANSACTIONAL_IDS = ['x', 'y'];
const PLACES = [
  { topic: 'a', partition: 0 },
  { topic: 'a', partition: 1 },
  { topic: 'b', partition: 0 },
];

const errorMs = fc.constantFrom(0, -40_000, -3_600_000, 3_600_000);

const action = fc.oneof(
  { weight: 50, arbitrary: fc.record({ type: fc.constant('act' as const), who: fc.nat(), dice: fc.nat() }) },
  { weight: 15, arbitrary: fc.record({ type: fc.constant('deliver' as const), which: fc.nat(), twice: fc.boolean() }) },
  { weight: 25, arbitrary: fc.record({ type: fc.constant('commit' as const) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('heal' as const) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('replace' as const), who: fc.nat() }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('pass' as const), ms: fc.constantFrom(50, 500, 5000, 80_000) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('clock' as const), errorMs }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('crash' as const), survivors: fc.nat(12) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('reload' as const) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('refuse' as const), place: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('full' as const) }) },
);
type Action = typeof action extends fc.Arbitrary<infer A> ? A : never;

/** What a producer meant as one transaction. */
interface Attempt {
  readonly values: string[];
  /** Those that the broker has acknowledged. */
  readonly acknowledged: Set<string>;
  wanted: 'open' | 'commit' | 'abort';
  told: boolean;
}

type Message = () => void;

/** A client: one request at a time, which it sends again until it is answered; a fatal answer ends it. */
class Client {
  readonly transactionalId: string;
  readonly #life: Life;
  #producer: ProducerClaim | undefined;
  #sequences = new Map<string, number>();
  #attempt: Attempt | undefined;
  /** What is on the way or has to be sent again. */
  #request: Message | undefined;
  #dead = false;

  constructor(life: Life, transactionalId: string) {
    this.#life = life;
    this.transactionalId = transactionalId;
  }

  get isDead(): boolean {
    return this.#dead;
  }

  /** Sends what comes next, or again what was not answered; mostly it arrives at once. */
  act(dice: number): void {
    if (this.#dead) return;
    this.#request ??= this.#next(dice);
    this.#life.send(this.#request, dice % 7 !== 0);
  }

  #next(dice: number): Message {
    if (this.#producer === undefined) return this.#init();
    const kind = dice % 5;
    if (this.#attempt === undefined || (kind < 3 && this.#attempt.wanted === 'open')) {
      return this.#produce(PLACES[Math.floor(dice / 5) % PLACES.length]!);
    }
    return this.#end(this.#attempt, kind !== 4);
  }

  #init(): Message {
    const answered = this.#once((answer: InitAnswer) => {
      if (answer.errorCode !== ErrorCode.NONE) return;
      this.#begin(answer);
    });
    return () => {
      const request = { timeoutMs: 60_000, expected: undefined };
      void this.#life.world.coordinator.initProducerId(this.transactionalId, request, answered);
    };
  }

  #begin({ producerId, producerEpoch }: ProducerClaim): void {
    this.#producer = { producerId, producerEpoch };
    this.#sequences = new Map();
    this.#attempt = undefined;
  }

  #produce(place: (typeof PLACES)[number]): Message {
    this.#attempt ??= this.#life.newAttempt();
    const attempt = this.#attempt;
    const key = `${place.topic}-${place.partition}`;
    const baseSequence = this.#sequences.get(key) ?? 0;
    this.#sequences.set(key, baseSequence + 1);
    const value = this.#life.newValue();
    attempt.values.push(value);
    const producer = { ...this.#producer!, baseSequence };
    const answered = this.#once((errorCode: number) => {
      if (errorCode === ErrorCode.NONE) attempt.acknowledged.add(value);
      // The producer gives up the transaction.
      else attempt.wanted = 'abort';
    });
    return () => {
      const { world } = this.#life;
      const result = world.produce(this.transactionalId, producer, place, [value]);
      const code = result.errorCode;
      if (code === ErrorCode.NONE) {
        world.storage.whenCommitted(result.ticket ?? -1, () => answered(code));
      } else if (!RETRIABLE.has(code)) answered(code);
    };
  }

  #end(attempt: Attempt, commit: boolean): Message {
    if (attempt.wanted === 'open') attempt.wanted = commit ? 'commit' : 'abort';
    const committed = attempt.wanted === 'commit';
    const request = {
      ...this.#producer!,
      transactionalId: this.transactionalId,
      committed,
      clientTransactionVersion: 2,
    };
    const answered = this.#once(({ errorCode, ...next }: EndAnswer) => {
      if (errorCode !== ErrorCode.NONE) {
        this.#dead = true;
        return;
      }
      attempt.told = true;
      this.#begin(next);
    });
    return () => {
      void this.#life.world.coordinator.endTransaction(request, (answer) => {
        if (!RETRIABLE.has(answer.errorCode)) answered(answer);
      });
    };
  }

  /** Only the first answer to a request counts, and none that comes after a crash took its question along. */
  #once<Answer>(take: (answer: Answer) => void): (answer: Answer) => void {
    let isFirst = true;
    return (answer) => {
      if (!isFirst) return;
      isFirst = false;
      this.#request = undefined;
      take(answer);
    };
  }
}

const RETRIABLE: ReadonlySet<number> = new Set([
  ErrorCode.CONCURRENT_TRANSACTIONS,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.KAFKA_STORAGE_ERROR,
]);

class Life {
  readonly world = new TransactionWorld({ stateTopicPartitions: 1 });
  readonly attempts: Attempt[] = [];
  readonly #clients: Client[];
  #network: Message[] = [];
  #values = 0;

  constructor() {
    this.world.createTopic('a', 2);
    this.world.createTopic('b');
    this.#clients = TRANSACTIONAL_IDS.map((id) => new Client(this, id));
  }

  /** What arrives may come again later. */
  send(message: Message, arrives: boolean): void {
    if (this.#network.length < 30) this.#network.push(message);
    if (arrives) message();
  }

  newAttempt(): Attempt {
    const attempt: Attempt = { values: [], acknowledged: new Set(), wanted: 'open', told: false };
    this.attempts.push(attempt);
    return attempt;
  }

  newValue(): string {
    return `v${this.#values++}`;
  }

  async take(action: Action): Promise<void> {
    const { world } = this;
    switch (action.type) {
      case 'act':
        this.#clientOf(action.who).act(action.dice);
        break;
      case 'deliver': {
        if (this.#network.length === 0) break;
        const at = action.which % this.#network.length;
        this.#network[at]!();
        if (!action.twice) this.#network.splice(at, 1);
        break;
      }
      case 'replace':
        this.#clients.push(new Client(this, TRANSACTIONAL_IDS[action.who % TRANSACTIONAL_IDS.length]!));
        break;
      case 'heal':
        world.refusals.clear();
        world.storage.writable = true;
        break;
      case 'commit':
        world.storage.commit();
        break;
      case 'pass':
        world.time.advance(action.ms);
        break;
      case 'clock':
        world.time.clockErrorMs = action.errorMs;
        break;
      case 'crash':
        await world.crash(action.survivors);
        break;
      case 'reload':
        world.storage.commit();
        await world.restartCoordinator();
        break;
      case 'refuse': {
        const { topic, partition } = PLACES[action.place]!;
        const key = `${topic}-${partition}`;
        if (!world.refusals.delete(key)) world.refusals.set(key, ErrorCode.KAFKA_STORAGE_ERROR);
        break;
      }
      case 'full':
        world.storage.writable = !world.storage.writable;
        break;
    }
    await world.turn();
  }

  /** Mostly the newest clients; those that they replaced do not know it. The place of a dead one is taken. */
  #clientOf(who: number): Client {
    const newest = this.#clients.slice(-TRANSACTIONAL_IDS.length);
    const from = who % 5 === 0 ? this.#clients : newest;
    const client = from[Math.floor(who / 5) % from.length]!;
    if (!client.isDead) return client;
    const successor = new Client(this, client.transactionalId);
    this.#clients[this.#clients.indexOf(client)] = successor;
    return successor;
  }

  /** Every message arrives, or none; then everything that is open runs out of time, whatever the wall clock says. */
  async end(arrives: boolean, clockErrorMs: number): Promise<void> {
    const { world } = this;
    world.storage.writable = true;
    world.refusals.clear();
    if (arrives) for (const message of this.#network) message();
    world.storage.commit();
    world.time.clockErrorMs = clockErrorMs;
    for (let i = 0; i < 3; i++) {
      world.time.advance(90_000);
      await world.turn();
      world.storage.commit();
    }
    for (const transactionalId of TRANSACTIONAL_IDS) {
      world.coordinator.describe(transactionalId, (described) => {
        if (typeof described !== 'number') assert.match(described.state, /^(Empty|Complete)/);
      });
    }
    for (const { topic, partition } of PLACES) {
      const { lastStableOffset, highWatermark } = world.partition(topic, partition);
      assert.equal(lastStableOffset, highWatermark, `a transaction stays open in ${topic}-${partition}`);
    }
  }

  /** What readers of committed records see. */
  visible(): string[] {
    const seen: string[] = [];
    const open = new Map<string, string[]>();
    for (const { log, batch } of this.world.storage.journal) {
      for (const read of readBatches(batch)) {
        if (!read.isTransactional) continue;
        const key = `${log}/${read.producerId}`;
        for (const record of read.records()) {
          if (!read.isControl) open.set(key, [...(open.get(key) ?? []), record.value!.toString()]);
          else {
            if (readControlType(record.key) === ControlType.COMMIT) seen.push(...(open.get(key) ?? []));
            open.delete(key);
          }
        }
      }
    }
    return seen;
  }
}

test('what was committed is seen, whole and once, and nothing else is, whatever happens on the way', async () => {
  let commits = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { minLength: 40, maxLength: 250 }),
      fc.boolean(),
      errorMs,
      async (actions, arrives, clockErrorMs) => {
        const life = new Life();
        for (const each of actions) await life.take(each);
        await life.end(arrives, clockErrorMs);
        const visible = life.visible();
        const seen = new Set(visible);
        assert.equal(seen.size, visible.length, 'a record is seen twice');
        for (const { values, acknowledged, wanted, told } of life.attempts) {
          const count = values.filter((value) => seen.has(value)).length;
          if (wanted !== 'commit') assert.equal(count, 0, 'a record is seen that was not committed');
          else if (told) assert.equal(count, acknowledged.size, 'a committed record is not seen');
          else assert.ok(count === 0 || count === values.length, 'a part of a transaction is seen');
          if (wanted === 'commit' && told) commits++;
        }
      },
    ),
    { numRuns: 150 },
  );
  assert.ok(commits > 10, `only ${commits} transactions were committed`);
});
