// Leader hints (KIP-951): with NOT_LEADER_OR_FOLLOWER a client is told who leads, and where that broker is, so that it
// need not ask for metadata first. Shared by Produce and Fetch.
import type { Image } from '../metadata/image.ts';
import { type BrokerEndpoint, brokerEndpoint, type DialledAddress } from './broker-endpoint.ts';

export interface LeaderIdAndEpoch {
  readonly leaderId: number;
  readonly leaderEpoch: number;
}

export class LeaderHints {
  readonly #image: Image;
  readonly #selfId: number;
  readonly #dialled: DialledAddress;
  /** Made for the first one: few answers hint anything. */
  #endpoints: Map<number, BrokerEndpoint> | undefined;

  constructor(image: Image, selfId: number, dialled: DialledAddress) {
    this.#image = image;
    this.#selfId = selfId;
    this.#dialled = dialled;
  }

  /** The leader of a partition; its address joins `endpoints`. Undefined when the partition does not exist. */
  of(topic: string, partition: number): LeaderIdAndEpoch | undefined {
    const image = this.#image.topics.get(topic)?.partitions[partition];
    if (image === undefined) return undefined;
    const endpoint = brokerEndpoint(this.#image, image.leader, this.#selfId, this.#dialled);
    if (endpoint !== undefined) {
      this.#endpoints ??= new Map();
      this.#endpoints.set(endpoint.nodeId, endpoint);
    }
    return { leaderId: image.leader, leaderEpoch: image.leaderEpoch };
  }

  get endpoints(): BrokerEndpoint[] {
    return this.#endpoints === undefined ? [] : [...this.#endpoints.values()];
  }
}
