// What the two kinds of consumer group tell each other when a group changes its protocol while it is in use (KIP-848):
// a classic group is taken over by a consumer group when its first member of the new protocol joins, and given back when
// the last one leaves. `group.consumer.migration.policy` says which direction is allowed.
import type { Effect } from './effects.ts';
import type { GroupMachine } from './machine.ts';

export interface ClassicGroupSnapshot {
  readonly generationId: number;
  readonly protocolType: string | null;
  /** The assignor that the group agreed on; null before the first generation. */
  readonly protocolName: string | null;
  readonly members: readonly ClassicMemberSnapshot[];
}

export interface ClassicMemberSnapshot {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  /** In the order of the member's preference; `metadata` is a ConsumerProtocolSubscription with its version. */
  readonly protocols: readonly { readonly name: string; readonly metadata: Buffer }[];
  /** A ConsumerProtocolAssignment with its version, or no bytes. */
  readonly assignment: Buffer;
}

/** What a classic group adds to be taken over. */
export interface UpgradableGroup extends GroupMachine {
  readonly type: 'classic';
  snapshot(): ClassicGroupSnapshot;
  /** Answers every waiting JoinGroup and SyncGroup with REBALANCE_IN_PROGRESS and cancels all timers; the machine is used no more. */
  release(): Effect[];
}

/**
 * Makes a stable classic group of these members: its GroupMetadata record is appended, its members' sessions are armed, and
 * with `rebalance` a rebalance is begun at once.
 */
export type NewClassicGroup = (
  groupId: string,
  snapshot: ClassicGroupSnapshot,
  rebalance: boolean,
  nowMs: number,
) => { readonly machine: GroupMachine; readonly effects: Effect[] };
