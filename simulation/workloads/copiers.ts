// Applications that promise exactly once: members of a group of either protocol that copy the records of one topic to the same partitions of
// another, the copies and the offsets behind them in one transaction (KIP-447). Transactions are aborted and left alone, and
// members are so slow that the group goes on without them. A copy says what it is a copy of; checkers/copies.ts reads that.
import { ErrorCode } from '../../src/protocol/error-code.ts';
import type { FetchedRecord } from '../history.ts';
import { ClassicMember } from './classic-member.ts';
import { ConsumerProtocolMember } from './consumer-protocol-member.ts';
import { CoordinatorType, findsCoordinator, stableOffset } from './groups.ts';
import type { Membership, Part } from './membership.ts';
import { type KnownTopic, namedValue, type ProgramContext, pause } from './program.ts';
import { fetchOnce } from './readers.ts';
import { begin, end, type Session, sendBatch, sendOffset } from './transactional-producers.ts';

const INPUT = 'input';
/** Each protocol has a topic of copies of its own. */
const outputOf = (protocol: Protocol) => `copies-${protocol}`;

type Protocol = 'classic' | 'consumer';

const COPIES_MAX = 20;
/** Longer than the group waits for a member, and not as long as its transaction may take. */
const SLOW_MS = 12_000;
const TRANSACTION_MS = 30_000;

/** Each has a transactional id of its own. Ends when there is nothing left to copy of what it has. */
export function copier(protocol: Protocol): (context: ProgramContext) => Promise<void> {
  return async (context) => {
    // All of one group.
    const group = `${protocol} copiers`;
    const Member = protocol === 'classic' ? ClassicMember : ConsumerProtocolMember;
    const transactionalId = `copy-${context.process.name}`;
    await findsCoordinator(context, group, CoordinatorType.GROUP);
    await findsCoordinator(context, transactionalId, CoordinatorType.TRANSACTION);
    const self = new Copier(context, new Member(context, group, [INPUT]), transactionalId, outputOf(protocol));
    while (!(await self.work())) {
      if (context.dice.oneIn(8)) await self.member.leave();
    }
    await self.member.leave();
  };
}

class Copier {
  readonly member: Membership;
  readonly #context: ProgramContext;
  readonly #transactionalId: string;
  readonly #output: string;
  /** Undefined: how its last transaction ended is not known. */
  #session: Session | undefined;
  #transactions = 0;
  #copies = 0;

  constructor(context: ProgramContext, member: Membership, transactionalId: string, output: string) {
    this.#context = context;
    this.member = member;
    this.#transactionalId = transactionalId;
    this.#output = output;
  }

  /** One generation of the group. True: everything of its share is copied, and nobody sends any more. */
  async work(): Promise<boolean> {
    const { dice } = this.#context;
    const parts = await this.member.take();
    if (parts === undefined) {
      await pause(this.#context, dice.skewed(20, 400));
      return false;
    }
    try {
      const positions = new Map<Part, number>();
      for (let rounds = dice.between(5, 60); rounds > 0; rounds--) {
        if (!(await this.member.isKept())) return false;
        const isQuiet = this.#context.isQuiet();
        let copiesLeft = 0;
        for (const part of parts) copiesLeft += await this.#copyFrom(part, positions);
        if (isQuiet && copiesLeft === 0 && (await this.#isAllCopied())) return true;
        await pause(this.#context, dice.skewed(10, 300));
      }
      return false;
    } finally {
      this.member.giveUp();
    }
  }

  /** How many there were to copy: 0 when all of them are. */
  async #copyFrom(part: Part, positions: Map<Part, number>): Promise<number> {
    const { dice } = this.#context;
    const session = await this.#begun();
    const at = positions.get(part) ?? (await this.#stableOffset(part.partition));
    if (at === undefined) return 1;
    const found = await this.#read(part.partition, at, dice.pick([1_000, 20_000]));
    if (found === undefined) return 1;
    const some = found.records.slice(0, COPIES_MAX);
    const end = some.length < found.records.length ? some.at(-1)!.offset + 1 : found.nextOffset;
    if (some.length === 0) {
      positions.set(part, end);
      return found.isAtEnd ? 0 : 1;
    }
    // Now and then so late that somebody else has the partition by then.
    await this.#dawdle();
    if (await this.#transact(session, part.partition, some, end)) positions.set(part, end);
    else positions.delete(part);
    return some.length;
  }

  /** By anybody, of every partition: what a member that is gone had may be nobody's yet. */
  async #isAllCopied(): Promise<boolean> {
    for (let partition = 0; partition < this.#topic(INPUT).partitions; partition++) {
      for (let at = await this.#stableOffset(partition); ; ) {
        const left = at === undefined ? undefined : await this.#read(partition, at, 1_000_000);
        if (left === undefined || left.records.length > 0) return false;
        if (left.isAtEnd) break;
        if (left.nextOffset === at) return false;
        at = left.nextOffset;
      }
    }
    return true;
  }

  /** Undefined: not now. */
  async #read(
    partition: number,
    at: number,
    maxBytes: number,
  ): Promise<{ records: readonly FetchedRecord[]; nextOffset: number; isAtEnd: boolean } | undefined> {
    const options = { readCommitted: true, maxBytes, maxWaitMs: 50 };
    const fetched = await fetchOnce(this.#context, this.#topic(INPUT), partition, at, options);
    if (fetched === undefined || fetched === 'out-of-range') return undefined;
    const { records, hidden, nextOffset, highWatermark } = fetched;
    const shown = records.filter(({ offset, id }) => offset >= at && !hidden.includes(id));
    return { records: shown, nextOffset, isAtEnd: nextOffset >= highWatermark };
  }

  /** True: it was committed. */
  async #transact(
    session: Session,
    partition: number,
    records: readonly FetchedRecord[],
    nextOffset: number,
  ): Promise<boolean> {
    const { dice, history } = this.#context;
    const transaction = `${this.#transactionalId}/${this.#transactions++}`;
    let allSent = true;
    for (let at = 0; at < records.length && allSent; ) {
      const count = dice.between(1, records.length - at);
      const copies = records.slice(at, at + count).map((record) => this.#copyOf(partition, record));
      const made = { records: copies.map(({ record }) => record), sent: copies.map(({ sent }) => sent) };
      allSent = await sendBatch(this.#context, session, transaction, this.#topic(this.#output), partition, made);
      at += count;
    }
    await this.#dawdle();
    if (allSent) allSent = await this.#sendOffset(session, partition, nextOffset);
    await this.#dawdle();
    // Left alone, it is aborted by its timeout, or when this one begins anew.
    if (dice.oneIn(12)) {
      history.add({ type: 'transaction-ended', transaction, decision: 'aborted' });
      this.#session = undefined;
      return false;
    }
    const commits = allSent && !dice.oneIn(6);
    this.#session = await end(this.#context, session, transaction, undefined, commits);
    return commits && this.#session !== undefined;
  }

  /** Now and then, while others are at work. */
  async #dawdle(): Promise<void> {
    const { dice, isOver } = this.#context;
    if (!isOver() && dice.oneIn(15)) await pause(this.#context, dice.between(1_000, SLOW_MS));
  }

  /** Before it asks for offsets: what it has left open holds them back. */
  async #begun(): Promise<Session> {
    if (this.#session !== undefined) return this.#session;
    const identity = (await begin(this.#context, this.#transactionalId, () => false, TRANSACTION_MS))!;
    const { group } = this.member;
    this.#session = { transactionalId: this.#transactionalId, group, identity, isV1: false, sequences: new Map() };
    return this.#session;
  }

  #copyOf(partition: number, { offset }: FetchedRecord) {
    const { value, sent } = namedValue(
      `copy ${partition}/${offset} by ${this.#context.process.name} ${this.#copies++}`,
    );
    return { record: { key: null, value, timestampMs: this.#context.process.runtime.clock.nowMs() }, sent };
  }

  async #sendOffset(session: Session, partition: number, committedOffset: number): Promise<boolean> {
    const { memberId, generation: generationId } = this.member;
    const place = { topic: this.#topic(INPUT), partition, offset: committedOffset };
    const errorCode = await sendOffset(this.#context, session, place, { memberId, generationId });
    if (errorCode !== undefined) this.member.heard(errorCode);
    return errorCode === ErrorCode.NONE;
  }

  /** Undefined: not now, or a transaction is open that may move it. */
  async #stableOffset(partition: number): Promise<number | undefined> {
    const offset = await stableOffset(this.#context, this.member.group, this.#topic(INPUT), partition);
    return offset && Math.max(0, offset);
  }

  #topic(wanted: string): KnownTopic {
    return this.#context.topics.find(({ name }) => name === wanted)!;
  }
}
