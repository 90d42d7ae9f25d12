// Which protocol (for consumers: which assignor) a classic group agrees on, and which topics its members subscribe to.
import { consumerProtocolSubscription } from '../protocol/consumer-protocol/subscription.ts';
import { javaStringHash } from '../protocol/java-string-hash.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';
import { Reader } from '../protocol/reader.ts';
import { type MemberProtocol, metadataOf } from './classic-group-member.ts';

/** The protocol type of consumers; others are Connect, Schema Registry and whatever clients make up. */
export const CONSUMER_PROTOCOL_TYPE = 'consumer';

interface Voter {
  readonly protocols: readonly MemberProtocol[];
}

/**
 * Each member votes for the first of its protocols that all members have; most votes win. On a tie the winner is the one
 * that Kafka's hash map gives out first, so that a group changes nothing when it moves between brokers of both kinds.
 * Null without members or without a common protocol.
 */
export function selectProtocol(members: Iterable<Voter>): string | null {
  const voters = [...members];
  const candidates = commonProtocols(voters);
  const votes = new Map<string, number>();
  for (const { protocols } of voters) {
    const vote = protocols.find(({ name }) => candidates.has(name));
    if (vote !== undefined) votes.set(vote.name, (votes.get(vote.name) ?? 0) + 1);
  }
  let selected: string | null = null;
  for (const name of inHashMapOrder([...votes.keys()])) {
    if (selected === null || votes.get(name)! > votes.get(selected)!) selected = name;
  }
  return selected;
}

function commonProtocols(voters: readonly Voter[]): ReadonlySet<string> {
  const common = new Set(voters[0]?.protocols.map(({ name }) => name));
  for (const { protocols } of voters.slice(1)) {
    const names = new Set(protocols.map(({ name }) => name));
    for (const name of common) if (!names.has(name)) common.delete(name);
  }
  return common;
}

function inHashMapOrder(names: string[]): string[] {
  let buckets = 16;
  while (names.length > buckets * 0.75) buckets *= 2;
  const bucketOf = (name: string): number => {
    const hash = javaStringHash(name);
    return (hash ^ (hash >>> 16)) & (buckets - 1);
  };
  return names.sort((a, b) => bucketOf(a) - bucketOf(b));
}

/** Null when that cannot be known: another protocol type, no protocol yet, or a subscription that is none. */
export function subscribedTopics(
  protocolType: string | null,
  protocolName: string | null,
  members: Iterable<Voter>,
): ReadonlySet<string> | null {
  if (protocolType !== CONSUMER_PROTOCOL_TYPE) return null;
  const topics = new Set<string>();
  for (const member of members) {
    const subscribed = protocolName === null ? null : topicsOf(metadataOf(member, protocolName));
    if (subscribed === null) return null;
    for (const topic of subscribed) topics.add(topic);
  }
  return topics;
}

/** Of every version only what version 0 has is read, so that later versions are understood too. */
function topicsOf(subscription: Buffer | null): readonly string[] | null {
  if (subscription === null) return null;
  try {
    const reader = new Reader(subscription);
    if (reader.int16() < 0) return null;
    return consumerProtocolSubscription.read(reader, 0).topics;
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}
