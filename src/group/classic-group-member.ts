// A member of a classic group: what it said when it joined, what the leader assigned to it, and the requests of it that
// wait for an answer. Owns its bytes: what came in a request was copied.
import type { JoinGroupResponse } from '../protocol/messages/join-group.ts';
import type { SyncGroupResponse } from '../protocol/messages/sync-group.ts';
import type { Reply } from './effects.ts';

export interface MemberProtocol {
  readonly name: string;
  /** For protocol type `consumer`: a ConsumerProtocolSubscription behind its version. */
  readonly metadata: Buffer;
}

export interface WaitingJoin {
  readonly to: Reply<JoinGroupResponse>;
  readonly apiVersion: number;
}

export interface ClassicMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  rebalanceTimeoutMs: number;
  sessionTimeoutMs: number;
  /** In the order of its preference. */
  protocols: readonly MemberProtocol[];
  assignment: Buffer;
  /** Has not seen the end of its first round: waiting for it does not keep the member alive for ever. */
  isNew: boolean;
  join: WaitingJoin | null;
  sync: Reply<SyncGroupResponse> | null;
}

export const NO_ASSIGNMENT: Buffer = Buffer.alloc(0);

/** An open JoinGroup or SyncGroup is as good as a heartbeat, since the client sends none meanwhile. */
export function isAlive(member: ClassicMember): boolean {
  return !member.isNew && (member.join !== null || member.sync !== null);
}

/** Null when the member did not name the protocol. */
export function metadataOf(member: { readonly protocols: readonly MemberProtocol[] }, name: string): Buffer | null {
  return member.protocols.find((protocol) => protocol.name === name)?.metadata ?? null;
}

/** Names, metadata and their order. */
export function sameProtocols(a: readonly MemberProtocol[], b: readonly MemberProtocol[]): boolean {
  return (
    a.length === b.length &&
    a.every((protocol, i) => protocol.name === b[i]!.name && protocol.metadata.equals(b[i]!.metadata))
  );
}

/** Copies of what is a view of a request. */
export function ownProtocols(protocols: readonly MemberProtocol[]): MemberProtocol[] {
  return protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) }));
}

export function protocolsBytes(protocols: readonly MemberProtocol[]): number {
  return protocols.reduce((sum, { name, metadata }) => sum + name.length + metadata.length, 0);
}
