// The subscribers of one topic by how many partitions they have, while partitions move between them: who should get the
// next one, and who should give one. Each end of the sorted list is a range of members with the same count; a member is
// given out once per level, and when a range is used up the level moves towards the middle and takes in who is there.
// Nothing is sorted again after `start`. Source: Kafka's MemberAssignmentBalancer.
import assert from 'node:assert';

const NOBODY = -1;

export class SubscriberBalance {
  /** By member: how many partitions it has; the owner of the numbers changes them as partitions move. */
  readonly #sizes: readonly number[];
  #sorted: number[] = [];
  #leastEnd = 0;
  #leastLevel = 0;
  #nextLeast = 0;
  #mostStart = 0;
  #mostEnd = 0;
  #mostLevel = 0;
  #nextMost = NOBODY;

  constructor(sizes: readonly number[]) {
    this.#sizes = sizes;
  }

  /** Returns the difference between the most and the least loaded. */
  start(members: readonly number[]): number {
    assert(members.length > 0, 'a topic has subscribers');
    this.#sorted = [...members].sort((a, b) => this.#size(a) - this.#size(b) || a - b);
    const count = this.#sorted.length;
    const least = this.#sizeAt(0);
    const most = this.#sizeAt(count - 1);
    this.#leastEnd = 0;
    this.#leastLevel = least - 1;
    this.#nextLeast = 0;
    this.#mostStart = count;
    this.#mostEnd = count;
    this.#mostLevel = most + 1;
    this.#nextMost = count - 1;
    return most - least;
  }

  get isBalanced(): boolean {
    return this.#mostLevel - this.#leastLevel <= 1;
  }

  nextLeastLoaded(): number {
    if (this.#nextLeast >= this.#leastEnd) {
      this.#leastLevel++;
      while (this.#leastEnd < this.#sorted.length && this.#sizeAt(this.#leastEnd) === this.#leastLevel)
        this.#leastEnd++;
      this.#nextLeast = 0;
    }
    return this.#sorted[this.#nextLeast++] as number;
  }

  nextMostLoaded(): number {
    if (this.#nextMost < this.#mostStart) {
      // A range whose members were all excluded has no level of its own: go on with the next member below it.
      const used = this.#mostEnd <= this.#mostStart && this.#mostStart > 0;
      this.#mostLevel = used ? this.#sizeAt(this.#mostStart - 1) : this.#mostLevel - 1;
      while (this.#mostStart > 0 && this.#sizeAt(this.#mostStart - 1) === this.#mostLevel) this.#mostStart--;
      this.#nextMost = this.#mostEnd - 1;
    }
    if (this.#nextMost < 0) return NOBODY;
    return this.#sorted[this.#nextMost--] as number;
  }

  /** The member given out last by `nextMostLoaded` has nothing to give. */
  excludeMostLoaded(): void {
    const at = this.#nextMost + 1;
    const last = this.#mostEnd - 1;
    [this.#sorted[at], this.#sorted[last]] = [this.#sorted[last] as number, this.#sorted[at] as number];
    this.#mostEnd--;
  }

  #size(member: number): number {
    return this.#sizes[member] as number;
  }

  #sizeAt(index: number): number {
    return this.#size(this.#sorted[index] as number);
  }
}
