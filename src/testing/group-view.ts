// A consumer group of a test broker: who is in it, how far it is, and waiting until it has caught up.
import type { Ask } from '../administration.ts';
import { OffsetSpec } from '../client/admin.ts';
import type { Client } from '../client/client.ts';
import { ClientError } from '../client/client-error.ts';
import type { DescribedGroup, DescribedPartition } from '../client/group-description.ts';
import { listOffsetsOf } from '../client/list-offsets.ts';
import { isInterruption } from './interruption.ts';
import type { WaitOptions, Watchers } from './watchers.ts';

export interface CaughtUpOptions extends WaitOptions {
  /** Every partition of this topic must have a committed offset, and no other is looked at. Default: all that the group has. */
  readonly topic?: string;
}

export class GroupView {
  readonly name: string;
  readonly #ask: Ask;
  readonly #watchers: Watchers;

  constructor(name: string, ask: Ask, watchers: Watchers) {
    this.name = name;
    this.#ask = ask;
    this.#watchers = watchers;
  }

  /** State, members with their partitions, and the lag of each partition. Rejects with GROUP_ID_NOT_FOUND. */
  describe(): Promise<DescribedGroup> {
    return this.#ask(async (client) =>
      (await import('../client/group-description.ts')).describeGroup(client, this.name),
    );
  }

  /** Committed offsets, by `topic-partition`; empty when there is no such group. */
  async committed(): Promise<Map<string, number>> {
    const topics = await this.#ask(async (client) =>
      (await import('../client/groups.ts')).committedOffsets(client, this.name, null),
    );
    return new Map(
      topics.flatMap(({ topic, offsets }) =>
        [...offsets].map(([partition, offset]): [string, number] => [`${topic}-${partition}`, offset]),
      ),
    );
  }

  /** Records that the group has not committed; a partition without a committed offset counts whole. */
  async lag(topic?: string): Promise<number> {
    const open = await this.#ask((client) => this.#behind(client, topic));
    return open.reduce((sum, { lag }) => sum + lag, 0);
  }

  /**
   * Resolves when the group has committed everything that a reader of committed records may read, in every partition that it
   * has (at least one). Rejects with WaitTimeout, which says what is missing.
   */
  async caughtUp({ topic, ...wait }: CaughtUpOptions = {}): Promise<void> {
    let missing = 'it does not exist';
    await this.#watchers.until(
      async () => {
        try {
          const behind = await this.#ask((client) => this.#behind(client, topic));
          const open = behind.filter(({ lag }) => lag > 0);
          missing = open.map(({ topic, partition, lag }) => `${topic}-${partition} by ${lag}`).join(', ');
          if (behind.length === 0) missing = 'it has neither members with partitions nor committed offsets';
          return behind.length > 0 && open.length === 0 ? true : undefined;
        } catch (error) {
          if (isInterruption(error)) return undefined;
          if (error instanceof ClientError && error.code === 'GROUP_ID_NOT_FOUND') return undefined;
          throw error;
        }
      },
      () => `group ${this.name} is behind: ${missing}`,
      wait,
    );
  }

  async #behind(
    client: Client,
    topic: string | undefined,
  ): Promise<{ topic: string; partition: number; lag: number }[]> {
    const { describeGroup } = await import('../client/group-description.ts');
    const { partitions } = await describeGroup(client, this.name);
    const wanted = topic === undefined ? partitions : await ofTopic(client, topic, partitions);
    const behind: { topic: string; partition: number; lag: number }[] = [];
    for (const { topic, partition, committed } of wanted) {
      const start = await offsetOf(client, topic, partition, OffsetSpec.EARLIEST);
      const end = await offsetOf(client, topic, partition, OffsetSpec.LATEST);
      if (start === undefined || end === undefined) continue;
      behind.push({ topic, partition, lag: Math.max(0, end - Math.max(start, committed ?? start)) });
    }
    return behind;
  }
}

async function ofTopic(client: Client, topic: string, known: readonly DescribedPartition[]) {
  const [found] = await client.refreshMetadata([topic]);
  return (found?.partitions ?? []).map(({ partition }) => ({
    topic,
    partition,
    committed: known.find((each) => each.topic === topic && each.partition === partition)?.committed ?? null,
  }));
}

/** Undefined when the topic is gone. */
async function offsetOf(client: Client, topic: string, partition: number, spec: number): Promise<number | undefined> {
  const [found] = await client.refreshMetadata([topic]);
  if (found?.partitions[partition] === undefined) return undefined;
  return (await listOffsetsOf(client, topic, [partition], spec, true)).get(partition);
}
