// Who has which partitions of a group, as its members know it: what one is given, nobody may have who is sure of its place.
import type { ProgramContext } from './program.ts';

/** A member that was answered within this has its place: sessions last five seconds or more, and so do rebalances without it. */
const SURE_OF_ITS_PLACE_MS = 4_000;

export interface Owner {
  readonly name: string;
  /** What it has now. */
  readonly assignment: readonly { readonly topic: string; readonly partition: number }[];
  /** When it sent the last request that its session was prolonged by, as the answer told it. */
  answeredMs: number;
}

/** By run and group. */
const owners = new WeakMap<object, Map<string, Set<Owner>>>();

/** All that have something in the group: who gives it up, or has said that it leaves, takes itself out. */
export function ownersOf(context: ProgramContext, group: string): Set<Owner> {
  let groups = owners.get(context.history);
  if (groups === undefined) owners.set(context.history, (groups = new Map()));
  let members = groups.get(group);
  if (members === undefined) groups.set(group, (members = new Set()));
  return members;
}

/**
 * To be called when `owner` may have been given something, as the answer to what it asked at `askedMs` says; `known` is what it had at
 * the last call. Returns what it has, or `known` when the answer is too old to say: a client that was stopped may come to it when
 * its session is over and others have its place.
 */
export function checkOwners(
  context: ProgramContext,
  group: string,
  owner: Owner,
  askedMs: number,
  known: ReadonlySet<string>,
): ReadonlySet<string> {
  const nowMs = context.process.runtime.clock.monotonicMs();
  if (nowMs - askedMs > SURE_OF_ITS_PLACE_MS) return known;
  const mine = new Set(owner.assignment.map(({ topic, partition }) => `${topic}-${partition}`));
  for (const other of ownersOf(context, group)) {
    if (other === owner || nowMs - other.answeredMs > SURE_OF_ITS_PLACE_MS) continue;
    for (const { topic, partition } of other.assignment) {
      const key = `${topic}-${partition}`;
      if (!mine.has(key) || known.has(key)) continue;
      context.onViolation('two-owners', `${owner.name} was given ${key} of ${group}, which ${other.name} still has`);
    }
  }
  return mine;
}

/** What a member has that takes all at once and gives all up before it takes anew. */
export class Holding {
  readonly #context: ProgramContext;
  readonly #group: string;
  #owner: Owner | undefined;

  constructor(context: ProgramContext, group: string) {
    this.#context = context;
    this.#group = group;
  }

  /** `askedMs`: when it sent the request whose answer gave it that. */
  take(assignment: Owner['assignment'], askedMs: number): void {
    this.#owner = { name: this.#context.process.name, assignment, answeredMs: Number.NEGATIVE_INFINITY };
    checkOwners(this.#context, this.#group, this.#owner, askedMs, new Set());
    ownersOf(this.#context, this.#group).add(this.#owner);
  }

  /** `sentMs`: when it sent a heartbeat whose answer was that it is a member. */
  answered(sentMs: number): void {
    this.#owner!.answeredMs = sentMs;
  }

  giveUp(): void {
    if (this.#owner !== undefined) ownersOf(this.#context, this.#group).delete(this.#owner);
    this.#owner = undefined;
  }
}
