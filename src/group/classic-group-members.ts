// The members of a classic group with the indexes that its rules ask for. Invariants: every static member stands under its
// instance id; the leader, when there is one, is a member; members that must still sync are members; members that must
// still join with the id they were given are not.
import assert from 'node:assert/strict';
import type { ClassicMember, MemberProtocol, WaitingJoin } from './classic-group-member.ts';

/** What a member may change each time it joins. */
export type Said = Pick<ClassicMember, 'protocols' | 'rebalanceTimeoutMs' | 'sessionTimeoutMs'>;

export class ClassicMembers {
  readonly #byId = new Map<string, ClassicMember>();
  readonly #idByInstance = new Map<string, string>();
  /** Protocol name → how many members have it. */
  readonly #supporters = new Map<string, number>();
  #joining = 0;
  #leaderId: string | null = null;
  /** Ids that were given out with MEMBER_ID_REQUIRED and have not come back. */
  readonly pendingJoin = new Set<string>();
  /** Members of this generation that have not asked for their assignment. */
  readonly pendingSync = new Set<string>();

  get size(): number {
    return this.#byId.size;
  }

  get leaderId(): string | null {
    return this.#leaderId;
  }

  /** How many have a JoinGroup open. */
  get joining(): number {
    return this.#joining;
  }

  get haveAllJoined(): boolean {
    return this.#joining === this.#byId.size && this.pendingJoin.size === 0;
  }

  [Symbol.iterator](): Iterator<ClassicMember> {
    return this.#byId.values();
  }

  get(memberId: string): ClassicMember | undefined {
    return this.#byId.get(memberId);
  }

  has(memberId: string): boolean {
    return this.#byId.has(memberId);
  }

  isLeader(memberId: string): boolean {
    return this.#leaderId === memberId;
  }

  idOfInstance(groupInstanceId: string): string | undefined {
    return this.#idByInstance.get(groupInstanceId);
  }

  /** One of them is had by all members. */
  haveInCommon(protocols: readonly MemberProtocol[]): boolean {
    return protocols.some(({ name }) => (this.#supporters.get(name) ?? 0) === this.#byId.size);
  }

  get rebalanceTimeoutMs(): number {
    let longestMs = 0;
    for (const member of this) longestMs = Math.max(longestMs, member.rebalanceTimeoutMs);
    return longestMs;
  }

  /** The first member leads until it leaves. */
  add(member: ClassicMember): void {
    assert.ok(!this.#byId.has(member.memberId), `member ${member.memberId} is added twice`);
    if (member.groupInstanceId !== null) {
      assert.ok(!this.#idByInstance.has(member.groupInstanceId), `instance ${member.groupInstanceId} is added twice`);
      this.#idByInstance.set(member.groupInstanceId, member.memberId);
    }
    this.#byId.set(member.memberId, member);
    this.#countProtocols(member, 1);
    if (member.join !== null) this.#joining++;
    this.#leaderId ??= member.memberId;
    this.pendingJoin.delete(member.memberId);
  }

  /** Its open requests are the caller's to answer. */
  remove(memberId: string): void {
    const member = this.#byId.get(memberId);
    if (member !== undefined) {
      this.#byId.delete(memberId);
      this.#countProtocols(member, -1);
      if (member.join !== null) this.#joining--;
      if (member.groupInstanceId !== null) this.#idByInstance.delete(member.groupInstanceId);
    }
    if (this.isLeader(memberId)) this.#leaderId = this.#byId.keys().next().value ?? null;
    this.pendingJoin.delete(memberId);
    this.pendingSync.delete(memberId);
  }

  /** The same member under another id: it keeps its lead, its protocols and its assignment, not its open requests. */
  replace(oldMemberId: string, newMemberId: string): ClassicMember {
    const before = this.#byId.get(oldMemberId);
    assert.ok(before?.join === null && before.sync === null, `member ${oldMemberId} cannot be replaced`);
    const member: ClassicMember = { ...before, memberId: newMemberId, isNew: false };
    const led = this.isLeader(oldMemberId);
    const mustSync = this.pendingSync.has(oldMemberId);
    this.remove(oldMemberId);
    this.add(member);
    if (led) this.#leaderId = newMemberId;
    if (mustSync) this.pendingSync.add(newMemberId);
    return member;
  }

  /** What a member says when it joins again. */
  update(member: ClassicMember, said: Said): void {
    this.#countProtocols(member, -1);
    member.protocols = said.protocols;
    member.rebalanceTimeoutMs = said.rebalanceTimeoutMs;
    member.sessionTimeoutMs = said.sessionTimeoutMs;
    this.#countProtocols(member, 1);
  }

  setJoin(member: ClassicMember, join: WaitingJoin | null): void {
    this.#joining += Number(join !== null) - Number(member.join !== null);
    member.join = join;
  }

  setLeader(memberId: string): void {
    assert.ok(this.#byId.has(memberId), `${memberId} cannot lead a group that it is not in`);
    this.#leaderId = memberId;
  }

  #countProtocols(member: ClassicMember, by: 1 | -1): void {
    for (const name of new Set(member.protocols.map((protocol) => protocol.name))) {
      const count = (this.#supporters.get(name) ?? 0) + by;
      if (count === 0) this.#supporters.delete(name);
      else this.#supporters.set(name, count);
    }
  }
}
