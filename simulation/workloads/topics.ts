// Topics: made before a run starts, and made, changed and deleted while it goes on.

import { createTopic } from '../../src/client/admin.ts';
import { ClientError } from '../../src/client/client-error.ts';
import { ErrorCode } from '../../src/protocol/error-code.ts';
import { type KnownTopic, type ProgramContext, pause } from './program.ts';
import type { TopicPlan } from './workloads.ts';

/** Until all are there, whatever it takes. */
export async function createTopics(
  context: ProgramContext,
  plans: readonly TopicPlan[],
  into: KnownTopic[],
): Promise<void> {
  for (const plan of plans) into.push(await createForSure(context, plan));
}

export async function createForSure(context: ProgramContext, plan: TopicPlan): Promise<KnownTopic> {
  const { name, partitions, configs, loses } = plan;
  for (;;) {
    try {
      await createTopic(context.client, { name, partitions, configs });
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      if (!error.retriable && error.errorCode !== ErrorCode.TOPIC_ALREADY_EXISTS) throw error;
    }
    try {
      const { topicId } = await context.client.topic(name, { refresh: true });
      context.history.add({ type: 'topic-created', topicId, name, ...(loses && { loses }) });
      return { name, topicId, partitions, loses, doomed: false };
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
    }
    await pause(context, 100);
  }
}
