// Producer ids, one after the other, out of blocks reserved in the metadata. One per broker.
// Invariant: an id is given out only after a commit that puts `nextProducerId` above it is durable, and only once. What a
// broker had left of its block when it stopped is lost, not reused.
import type { Metadata } from './image.ts';

/** Kafka's block size. */
const BLOCK_SIZE = 1000;

/** Callers waiting for one reservation; beyond, they are turned away. */
const WAITING_MAX = 100_000;

interface Waiting {
  readonly issue: (producerId: number) => void;
  readonly fail: (error: Error) => void;
}

export class ProducerIds {
  readonly #metadata: Metadata;
  #next = 0;
  #end = 0;
  #waiting: Waiting[] = [];
  #isReserving = false;

  constructor(metadata: Metadata) {
    this.#metadata = metadata;
  }

  /** Calls `issue`, at once while the block lasts, or `fail` when no block could be reserved; callers are served in order. */
  next(issue: (producerId: number) => void, fail: (error: Error) => void): void {
    if (this.#waiting.length === 0 && this.#next < this.#end) {
      issue(this.#next++);
    } else if (this.#waiting.length >= WAITING_MAX) {
      fail(new Error('too many requests wait for a producer id'));
    } else {
      this.#waiting.push({ issue, fail });
      if (!this.#isReserving) void this.#reserve();
    }
  }

  /** Undefined while none is at hand: `atHand` tells when there is. */
  take(): number | undefined {
    return this.#waiting.length === 0 && this.#next < this.#end ? this.#next++ : undefined;
  }

  /** Undefined when `take` has one now; otherwise a promise, which rejects when no block could be reserved. */
  atHand(): Promise<void> | undefined {
    if (this.#waiting.length === 0 && this.#next < this.#end) return undefined;
    // The one that is waited for goes back: nobody else was told it.
    return new Promise((resolve, reject) => {
      this.next(() => {
        this.#next--;
        resolve();
      }, reject);
    });
  }

  async #reserve(): Promise<void> {
    this.#isReserving = true;
    try {
      while (this.#waiting.length > 0) {
        await this.#reserveBlock();
        const served = this.#waiting.splice(0, this.#end - this.#next);
        for (const { issue } of served) issue(this.#next++);
      }
    } catch (error) {
      const failed = this.#waiting;
      this.#waiting = [];
      for (const { fail } of failed) fail(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.#isReserving = false;
    }
  }

  /** The block is what the winning `decide` saw: a lost race asks again with the newer image. */
  async #reserveBlock(): Promise<void> {
    let first = 0;
    await this.#metadata.commit((image) => {
      first = image.nextProducerId;
      return [{ type: 'producer-ids-reserved', next: first + BLOCK_SIZE }];
    });
    this.#next = first;
    this.#end = first + BLOCK_SIZE;
  }
}
