// `ottla consume --group`: reads as a member of a consumer group and commits what was printed. Ends at the end of the
// partitions it was given, after a count, or (with --follow) when it is stopped; it always leaves the group in order.
import { OffsetSpec } from '../client/admin.ts';
import type { Client } from '../client/client.ts';
import type { FetchedRecords } from '../client/consumer.ts';
import { GroupConsumer } from '../client/group-consumer.ts';
import { listOffsetsOf } from '../client/list-offsets.ts';
import type { CommandWorld } from './world.ts';

export interface GroupReading {
  readonly group: string;
  readonly topic: string;
  readonly from: 'beginning' | 'end';
  readonly follow: boolean;
  readonly readCommitted: boolean;
}

/** Prints what it is given and returns the offset after the last record that it took. */
export type Print = (fetched: FetchedRecords) => number;

export async function consumeAsGroup(
  world: CommandWorld,
  client: Client,
  { group, topic, from, follow, readCommitted }: GroupReading,
  print: Print,
  finished: () => boolean,
): Promise<void> {
  // A topic that does not exist is said at once; a group would wait for it.
  await client.topic(topic);
  const consumer = new GroupConsumer(client, { groupId: group, topics: [topic], from, readCommitted });
  const done = () => finished() || world.interrupted.aborted || world.output.closed;
  const ends = new Ends(client, topic, readCommitted);
  try {
    while (!done()) {
      for (const fetched of await consumer.poll()) {
        if (done()) break;
        const next = print(fetched);
        await world.output.ready();
        consumer.done(fetched.topic, fetched.partition, next);
      }
      if (!follow && (await ends.reached(consumer))) break;
    }
  } finally {
    await consumer.close();
  }
}

/** Where each partition ended when this member got it. */
class Ends {
  readonly #client: Client;
  readonly #topic: string;
  readonly #readCommitted: boolean;
  readonly #ends = new Map<number, number>();

  constructor(client: Client, topic: string, readCommitted: boolean) {
    this.#client = client;
    this.#topic = topic;
    this.#readCommitted = readCommitted;
  }

  /** Not before the member has partitions. */
  async reached(consumer: GroupConsumer): Promise<boolean> {
    const partitions = consumer.assignment.map(({ partition }) => partition);
    const fresh = partitions.filter((partition) => !this.#ends.has(partition));
    if (fresh.length > 0) {
      const ends = await listOffsetsOf(this.#client, this.#topic, fresh, OffsetSpec.LATEST, this.#readCommitted);
      for (const partition of fresh) this.#ends.set(partition, ends.get(partition) ?? 0);
    }
    return (
      partitions.length > 0 &&
      partitions.every((partition) => (consumer.position(this.#topic, partition) ?? 0) >= this.#ends.get(partition)!)
    );
  }
}
