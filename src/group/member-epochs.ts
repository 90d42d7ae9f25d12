// Who may commit and fetch offsets of a consumer group: members, with their epoch. A member may also commit with an older
// epoch of its own what it has had since then, since its heartbeat may have raised the epoch in between (KIP-1251).
import { ErrorCode } from '../protocol/error-code.ts';
import type { ConsumerGroupMember } from './consumer-group-member.ts';
import type { ConsumerGroupState } from './consumer-group-state.ts';
import type { OffsetCommitClaim, OffsetCommitVerdict } from './machine.ts';

/** The first OffsetCommit that carries member epochs. */
const MEMBER_EPOCH_SINCE = 9;

export function validateCommit(state: ConsumerGroupState, claim: OffsetCommitClaim): OffsetCommitVerdict {
  const { memberId, groupInstanceId, generationOrEpoch: epoch, isTransactional, apiVersion } = claim;
  // A program that manages offsets by itself may use a group that nobody is in.
  if (epoch < 0 && state.members.size === 0) return ErrorCode.NONE;
  // Producers of before KIP-447 do not say which member they commit for.
  if (isTransactional && epoch === -1 && memberId === '' && groupInstanceId === null) return ErrorCode.NONE;
  const member = state.members.get(memberId);
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  if (!isTransactional && member.classic === null && apiVersion < MEMBER_EPOCH_SINCE) {
    return ErrorCode.UNSUPPORTED_VERSION;
  }
  if (epoch === member.memberEpoch) return ErrorCode.NONE;
  if (epoch > member.memberEpoch) return staleEpoch(member);
  return (topicId, partition) => {
    const since = member.assigned.get(topicId)?.get(partition) ?? member.pendingRevocation.get(topicId)?.get(partition);
    return since === undefined || epoch < since ? staleEpoch(member) : ErrorCode.NONE;
  };
}

export function validateFetch(
  state: ConsumerGroupState,
  { memberId, memberEpoch }: { readonly memberId: string | null; readonly memberEpoch: number },
): number {
  if (memberId === null && memberEpoch < 0) return ErrorCode.NONE;
  const member = memberId === null ? undefined : state.members.get(memberId);
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  return memberEpoch === member.memberEpoch ? ErrorCode.NONE : staleEpoch(member);
}

function staleEpoch(member: ConsumerGroupMember): number {
  return member.classic === null ? ErrorCode.STALE_MEMBER_EPOCH : ErrorCode.ILLEGAL_GENERATION;
}
