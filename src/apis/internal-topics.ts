// The topics that belong to coordinators: clients may read them but not write or cut them.
// Source: org.apache.kafka.common.internals.Topic.

const INTERNAL_TOPICS: ReadonlySet<string> = new Set([
  '__consumer_offsets',
  '__transaction_state',
  '__share_group_state',
]);

export function isInternalTopic(name: string): boolean {
  return INTERNAL_TOPICS.has(name);
}
