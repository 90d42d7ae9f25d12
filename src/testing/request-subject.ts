// What a request is about: topics with their partitions, groups, transactional ids. Read out of any decoded request by the
// names that Kafka's messages give these things, so that a fault can pick requests of every API by them.

export interface Subject {
  /** Partitions by topic; none are listed where the request names only the topic. */
  readonly topics: ReadonlyMap<string, ReadonlySet<number>>;
  /** By topic id, where the request has ids. */
  readonly topicNames: ReadonlyMap<string, string>;
  readonly groups: ReadonlySet<string>;
  readonly transactionalIds: ReadonlySet<string>;
}

const GROUP_FIELDS: ReadonlySet<string> = new Set(['groupId', 'groupIds', 'groupsNames']);
const TRANSACTION_FIELDS: ReadonlySet<string> = new Set([
  'transactionalId',
  'v3AndBelowTransactionalId',
  'transactionalIds',
]);
/** Lists of topics: of structs with a name or an id and maybe partitions, or of names. */
const TOPIC_FIELDS: ReadonlySet<string> = new Set([
  'topics',
  'topicData',
  'topicNames',
  'v3AndBelowTopics',
  'topicPartitions',
  'subscribedTopicNames',
]);
const PARTITION_FIELDS: ReadonlySet<string> = new Set([
  'partitions',
  'partitionData',
  'partitionIndexes',
  'partitionIndices',
]);

type Struct = Readonly<Record<string, unknown>>;

/** `topicName` knows the name of a topic id; undefined for one that does not exist. */
export function subjectOf(request: unknown, topicName: (id: string) => string | undefined): Subject {
  const topics = new Map<string, Set<number>>();
  const topicNames = new Map<string, string>();
  const groups = new Set<string>();
  const transactionalIds = new Set<string>();
  const read = (struct: Struct): void => {
    for (const [field, value] of Object.entries(struct)) {
      if (GROUP_FIELDS.has(field)) addTexts(groups, value);
      else if (TRANSACTION_FIELDS.has(field)) addTexts(transactionalIds, value);
      else if (TOPIC_FIELDS.has(field) && Array.isArray(value)) for (const topic of value) readTopic(topic);
      else if (Array.isArray(value)) for (const element of value) if (isStruct(element)) read(element);
    }
  };
  const readTopic = (topic: unknown): void => {
    const name = typeof topic === 'string' ? topic : isStruct(topic) ? nameOf(topic, topicName) : undefined;
    if (name === undefined) return;
    const partitions = topics.get(name) ?? new Set();
    topics.set(name, partitions);
    if (isStruct(topic) && typeof topic.topicId === 'string') topicNames.set(topic.topicId, name);
    if (isStruct(topic)) addPartitions(partitions, topic);
  };
  if (isStruct(request)) {
    read(request);
    // DescribeGroups says `groups` and means their names.
    addTexts(groups, request.groups);
    readKey(request, groups, transactionalIds);
  }
  return { topics, topicNames, groups, transactionalIds };
}

/** FindCoordinator: keys of groups (type 0) or of transactions (type 1). */
function readKey(request: Struct, groups: Set<string>, transactionalIds: Set<string>): void {
  if (!('coordinatorKeys' in request)) return;
  const target = request.keyType === 1 ? transactionalIds : groups;
  addTexts(target, request.key);
  addTexts(target, request.coordinatorKeys);
}

function nameOf(topic: Struct, topicName: (id: string) => string | undefined): string | undefined {
  for (const field of ['name', 'topic']) {
    const name = topic[field];
    if (typeof name === 'string' && name !== '') return name;
  }
  return typeof topic.topicId === 'string' ? topicName(topic.topicId) : undefined;
}

function addPartitions(into: Set<number>, topic: Struct): void {
  for (const [field, value] of Object.entries(topic)) {
    if (!PARTITION_FIELDS.has(field) || !Array.isArray(value)) continue;
    for (const element of value) {
      const index = isStruct(element) ? (element.index ?? element.partition ?? element.partitionIndex) : element;
      if (typeof index === 'number') into.add(index);
    }
  }
}

function addTexts(into: Set<string>, value: unknown): void {
  for (const text of Array.isArray(value) ? value : [value])
    if (typeof text === 'string' && text !== '') into.add(text);
}

function isStruct(value: unknown): value is Struct {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && !Array.isArray(value);
}
