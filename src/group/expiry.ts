// Retention of committed offsets: those of a group without members age from when it lost the last one, those of topics
// that an active group no longer reads age from their commit. Neither while a transaction may replace them. A group without
// members and offsets, pending ones included, is forgotten.
// Source: GroupCoordinatorShard.cleanupGroupMetadata, OffsetExpirationCondition of Kafka 4.3; KIP-211.
import { ErrorCode } from '../protocol/error-code.ts';
import type { Timers } from '../runtime/runtime.ts';
import type { Storage } from '../storage/storage.ts';
import type { Group } from './group-kinds.ts';
import type { GroupShard } from './group-shard.ts';
import type { CommittedOffset } from './offsets.ts';

export interface ExpiryRules {
  readonly nowMs: number;
  /** `offsets.retention.minutes`, in milliseconds. */
  readonly retentionMs: number;
  readonly timers: Timers;
  readonly storage: Pick<Storage, 'writable'>;
}

/** Others get their turn after so many groups. */
const GROUPS_PER_SLICE = 100;

export async function expireOffsets(shard: GroupShard, rules: ExpiryRules): Promise<void> {
  let looked = 0;
  for (const { groupId } of [...shard.groups.all()]) {
    if (shard.errorCode !== ErrorCode.NONE || !rules.storage.writable) return;
    // It may be another by now.
    const group = shard.groups.get(groupId);
    if (group !== undefined) expireGroup(shard, group, rules);
    looked++;
    if (looked % GROUPS_PER_SLICE === 0) await new Promise<void>((resolve) => rules.timers.defer(resolve));
  }
}

function expireGroup(shard: GroupShard, group: Group, rules: ExpiryRules): void {
  const { groupId } = group;
  const expired = shard.offsets.expire(
    groupId,
    (topic, committed) => !group.isSubscribedTo(topic) && isExpired(group, committed, rules),
  );
  shard.appendLoosely(expired);
  if (shard.errorCode !== ErrorCode.NONE || shard.offsets.has(groupId) || !group.isEmpty) return;
  shard.appendLoosely(group.tombstones());
  shard.forget(groupId);
}

function isExpired(group: Group, committed: CommittedOffset, { nowMs, retentionMs }: ExpiryRules): boolean {
  const { commitTimestampMs, expireTimestampMs } = committed;
  const fromMs = group.type === 'classic' ? group.agingSince(commitTimestampMs) : commitTimestampMs;
  if (fromMs === undefined) return false;
  return expireTimestampMs === -1 ? nowMs - fromMs >= retentionMs : nowMs >= expireTimestampMs;
}
