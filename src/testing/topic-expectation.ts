// `expectTopic('orders').toHaveReceived(…)`: waits for records in the way of node:assert, and says what there was instead. The same as matchers
// for Vitest and Jest, which are given to `expect.extend`; neither is needed here.
import { AssertionError } from 'node:assert';
import type { GroupView } from './group-view.ts';
import { checkPattern, matchesPattern, type RecordPattern } from './record-pattern.ts';
import type { RecordsOptions, TopicRecord, TopicView } from './topic-view.ts';
import { type WaitOptions, WaitTimeout } from './watchers.ts';

export interface ReceivedOptions extends WaitOptions, Omit<RecordsOptions, 'last'> {
  /** The records came in the order of the patterns (others in between do not matter), in one partition or by offset and partition. */
  readonly inOrder?: boolean;
  /** There is nothing else in the topic. */
  readonly exactly?: boolean;
}

const SHOWN_MAX = 20;

export class TopicExpectation {
  readonly #topic: TopicView;

  constructor(topic: TopicView) {
    this.#topic = topic;
  }

  /** Waits until for each pattern there is a record of its own. Rejects with AssertionError, which lists what there is. */
  async toHaveReceived(
    expected: RecordPattern | readonly RecordPattern[],
    options: ReceivedOptions = {},
  ): Promise<void> {
    const { inOrder = false, exactly = false, ...reading } = options;
    const patterns = listed(expected);
    for (const pattern of patterns) checkPattern(pattern);
    let seen: readonly TopicRecord[] = [];
    try {
      await this.#topic.until(
        (records) => {
          seen = records;
          return hasAll(records, patterns, inOrder) && (!exactly || records.length === patterns.length);
        },
        () => '',
        reading,
      );
    } catch (error) {
      if (!(error instanceof WaitTimeout)) throw error;
      const how = `${inOrder ? ' in this order' : ''}${exactly ? ' and nothing else' : ''}`;
      throw failed(`topic ${this.#topic.name} has not received${how}:\n${shown(patterns)}`, seen, patterns);
    }
  }

  /** Rejects at once when a record is there that fits. Waits for nothing: ask when the broker is idle. */
  async notToHaveReceived(expected: RecordPattern, options: RecordsOptions = {}): Promise<void> {
    checkPattern(expected);
    const found = (await this.#topic.records(options)).filter((record) => matchesPattern(record, expected));
    if (found.length === 0) return;
    throw failed(`topic ${this.#topic.name} has received:\n${shown([expected])}`, found, [expected]);
  }
}

/** Give them to `expect.extend`: `await expect(broker.topic('orders')).toHaveReceived({ key: '1' })`. */
export const kafkaMatchers = {
  async toHaveReceived(
    this: { readonly isNot?: boolean } | undefined,
    topic: TopicView,
    expected: RecordPattern | readonly RecordPattern[],
    options: ReceivedOptions = {},
  ): Promise<MatcherResult> {
    // What must not be there is looked for once; what must be there is waited for.
    const wait = this?.isNot === true ? { ...options, timeoutMs: 0 } : options;
    return outcome(
      () => new TopicExpectation(topic).toHaveReceived(expected, wait),
      () => `topic ${topic.name} has received:\n${shown(listed(expected))}`,
    );
  },
  async toBeCaughtUp(
    this: { readonly isNot?: boolean } | undefined,
    group: GroupView,
    options: { readonly topic?: string; readonly timeoutMs?: number } = {},
  ): Promise<MatcherResult> {
    const wait = this?.isNot === true ? { ...options, timeoutMs: 0 } : options;
    return outcome(
      () => group.caughtUp(wait),
      () => `group ${group.name} has caught up`,
    );
  },
};

/** For the types of `expect`: declare that Vitest's or Jest's interface of matchers extends it. */
export interface KafkaMatchers<Result = Promise<void>> {
  toHaveReceived(expected: RecordPattern | readonly RecordPattern[], options?: ReceivedOptions): Result;
  toBeCaughtUp(options?: { readonly topic?: string; readonly timeoutMs?: number }): Result;
}

export interface MatcherResult {
  readonly pass: boolean;
  readonly message: () => string;
}

async function outcome(check: () => Promise<void>, otherwise: () => string): Promise<MatcherResult> {
  try {
    await check();
    return { pass: true, message: otherwise };
  } catch (error) {
    if (!(error instanceof AssertionError) && !(error instanceof WaitTimeout)) throw error;
    return { pass: false, message: () => error.message };
  }
}

function listed(expected: RecordPattern | readonly RecordPattern[]): readonly RecordPattern[] {
  return Array.isArray(expected) ? expected : [expected as RecordPattern];
}

function hasAll(records: readonly TopicRecord[], patterns: readonly RecordPattern[], inOrder: boolean): boolean {
  if (!inOrder) return canPair(records, patterns);
  let next = 0;
  for (const record of records) if (next < patterns.length && matchesPattern(record, patterns[next]!)) next++;
  return next === patterns.length;
}

/** Whether each pattern can have a record of its own: a matching of patterns with records, each found by an augmenting path. */
function canPair(records: readonly TopicRecord[], patterns: readonly RecordPattern[]): boolean {
  const fits = patterns.map((pattern) =>
    records.flatMap((record, index) => (matchesPattern(record, pattern) ? [index] : [])),
  );
  const owner = new Map<number, number>();
  const place = (pattern: number, tried: Set<number>): boolean => {
    for (const index of fits[pattern]!) {
      if (tried.has(index)) continue;
      tried.add(index);
      const other = owner.get(index);
      if (other !== undefined && !place(other, tried)) continue;
      owner.set(index, pattern);
      return true;
    }
    return false;
  };
  return patterns.every((_, index) => place(index, new Set()));
}

function failed(what: string, records: readonly TopicRecord[], patterns: readonly RecordPattern[]): AssertionError {
  const lines = records.slice(-SHOWN_MAX).map(lineOf);
  const cut = records.length > SHOWN_MAX ? ` (the newest ${SHOWN_MAX} of ${records.length})` : '';
  const there = records.length === 0 ? 'There are no records.' : `There is${cut}:\n${lines.join('\n')}`;
  return new AssertionError({
    message: `${what}\n${there}`,
    actual: records.slice(-SHOWN_MAX),
    expected: patterns,
    operator: 'toHaveReceived',
  });
}

function shown(patterns: readonly RecordPattern[]): string {
  return patterns
    .map((pattern) => `  ${JSON.stringify(pattern, (_, value) => (value instanceof RegExp ? String(value) : value))}`)
    .join('\n');
}

function lineOf({ partition, offset, key, value, headers }: TopicRecord): string {
  const own = Object.keys(headers).length > 0 ? ` ${JSON.stringify(headers)}` : '';
  return `  ${partition}@${offset} ${JSON.stringify(key)}: ${JSON.stringify(value)}${own}`;
}
