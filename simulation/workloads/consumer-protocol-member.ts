// A member of a group by the consumer protocol (KIP-848), heartbeat by heartbeat: its user is told what it has when that changes, and
// gives all up before it takes what is left and what is new.
import { ErrorCode } from '../../src/protocol/error-code.ts';
import {
  type ConsumerGroupHeartbeatResponse,
  consumerGroupHeartbeat,
} from '../../src/protocol/messages/consumer-group-heartbeat.ts';
import type { Membership, Part } from './membership.ts';
import { Holding } from './owners.ts';
import { outcomeOf, type ProgramContext } from './program.ts';
import { asked } from './readers.ts';

const HEARTBEAT_MS = 500;
const REBALANCE_MS = 5_000;
const JOINING_EPOCH = 0;
const LEAVING_EPOCH = -1;
const LOST: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.FENCED_MEMBER_EPOCH,
  ErrorCode.STALE_MEMBER_EPOCH,
]);

export class ConsumerProtocolMember implements Membership {
  readonly group: string;
  readonly memberId: string;
  generation = JOINING_EPOCH;
  readonly #context: ProgramContext;
  readonly #topics: readonly string[];
  /** What the coordinator was told that it has. */
  #told: readonly Part[] = [];
  readonly #holding: Holding;
  #heartbeatAtMs = 0;
  /** The last answer was heard: the next heartbeat need not say all again. */
  #isHeard = false;

  constructor(context: ProgramContext, group: string, topics: readonly string[]) {
    this.group = group;
    this.memberId = context.client.runtime.random.bytes(16).toString('base64url');
    this.#context = context;
    this.#topics = topics;
    this.#holding = new Holding(context, group);
  }

  async take(): Promise<readonly Part[] | undefined> {
    const sentMs = this.#nowMs();
    const response = await this.#beat(true);
    if (response === undefined) return undefined;
    const wanted = this.#partsOf(response);
    const kept = this.#told.filter((part) => has(wanted, part));
    if (kept.length < this.#told.length) {
      this.#told = kept;
      return undefined;
    }
    this.#told = wanted;
    this.#holding.take(wanted, sentMs);
    this.#holding.answered(sentMs);
    return wanted;
  }

  async isKept(): Promise<boolean> {
    if (this.generation === JOINING_EPOCH) return false;
    const sentMs = this.#nowMs();
    if (sentMs < this.#heartbeatAtMs) return true;
    const response = await this.#beat(!this.#isHeard);
    if (response === undefined) return this.generation !== JOINING_EPOCH;
    this.#holding.answered(sentMs);
    if (response.assignment === null) return true;
    const wanted = this.#partsOf(response);
    return wanted.length === this.#told.length && this.#told.every((part) => has(wanted, part));
  }

  giveUp(): void {
    this.#holding.giveUp();
  }

  heard(errorCode: number): void {
    if (!LOST.has(errorCode)) return;
    this.generation = JOINING_EPOCH;
    this.#told = [];
  }

  async leave(): Promise<void> {
    if (this.generation === JOINING_EPOCH) return;
    this.heard(ErrorCode.UNKNOWN_MEMBER_ID);
    const { group: groupId, memberId } = this;
    await asked(this.#context, consumerGroupHeartbeat, { groupId, memberId, memberEpoch: LEAVING_EPOCH });
  }

  /** Undefined: no answer that says something. */
  async #beat(saysAll: boolean): Promise<ConsumerGroupHeartbeatResponse | undefined> {
    const { group: groupId, memberId, generation: memberEpoch } = this;
    this.#isHeard = false;
    const response = await asked(this.#context, consumerGroupHeartbeat, {
      groupId,
      memberId,
      memberEpoch,
      ...(saysAll && {
        rebalanceTimeoutMs: REBALANCE_MS,
        subscribedTopicNames: [...this.#topics],
        topicPartitions: this.#toldById(),
      }),
    });
    this.#heartbeatAtMs = this.#nowMs() + HEARTBEAT_MS;
    if (response === undefined) return undefined;
    this.heard(response.errorCode);
    if (outcomeOf(this.#context, 'ConsumerGroupHeartbeat', response.errorCode) !== 'ok') return undefined;
    this.#isHeard = true;
    this.generation = response.memberEpoch;
    return response;
  }

  #toldById(): { topicId: string; partitions: number[] }[] {
    return this.#context.topics.flatMap(({ name, topicId }) => {
      const partitions = this.#told.filter(({ topic }) => topic === name).map(({ partition }) => partition);
      return partitions.length === 0 ? [] : [{ topicId, partitions }];
    });
  }

  #partsOf({ assignment }: ConsumerGroupHeartbeatResponse): Part[] {
    return (assignment?.topicPartitions ?? []).flatMap(({ topicId, partitions }) => {
      const { name } = this.#context.topics.find((topic) => topic.topicId === topicId)!;
      return partitions.map((partition) => ({ topic: name, partition }));
    });
  }

  #nowMs(): number {
    return this.#context.process.runtime.clock.monotonicMs();
  }
}

function has(parts: readonly Part[], { topic, partition }: Part): boolean {
  return parts.some((part) => part.topic === topic && part.partition === partition);
}
