// What a topic may be called (Kafka: Topic.validate), and which names the broker uses for itself.

export const CONSUMER_OFFSETS = '__consumer_offsets';
export const TRANSACTION_STATE = '__transaction_state';
export const SHARE_GROUP_STATE = '__share_group_state';
/** Kafka's controllers keep their log under this name; nobody may create a topic of it. */
export const CLUSTER_METADATA = '__cluster_metadata';

const NAME_LENGTH_MAX = 249;

export function isInternalTopic(name: string): boolean {
  return name === CONSUMER_OFFSETS || name === TRANSACTION_STATE || name === SHARE_GROUP_STATE;
}

/** What is wrong with a name, in Kafka's words; undefined when it is fine. */
export function topicNameObjection(name: string): string | undefined {
  const objection = (reason: string) => `Topic name is invalid: ${reason}`;
  if (name === '') return objection('the empty string is not allowed');
  if (name === '.' || name === '..') return objection(`'${name}' is not allowed`);
  if (name.length > NAME_LENGTH_MAX) {
    return objection(`the length of '${name}' is longer than the max allowed length ${NAME_LENGTH_MAX}`);
  }
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) {
    return objection(`'${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`);
  }
  return undefined;
}

/** Names that are equal up to '.' and '_' would share metric names, so only one of them may exist. */
export function collisionForm(name: string): string {
  return name.replaceAll('.', '_');
}
