// What OffsetCommit and TxnOffsetCommit ask for: the topics of a request that exist, with those of their partitions that do,
// and the way back to the answer, which tells of all of them in the order of the request.
import type { TopicToCommit } from '../group/offsets.ts';
import type { TopicImage } from '../metadata/image.ts';
import { ErrorCode } from '../protocol/error-code.ts';

interface RequestedTopic {
  readonly name: string;
  readonly partitions: TopicToCommit['partitions'];
}

interface AnsweredPartition {
  readonly partitionIndex: number;
  readonly errorCode: number;
}

export class OffsetsToCommit<Topic extends RequestedTopic> {
  readonly known: TopicToCommit[] = [];
  readonly #topics: readonly Topic[];
  readonly #found: readonly (TopicImage | undefined)[];
  readonly #absence: number;

  /** `found` is parallel to the topics; `absence` is the error of those that do not exist. */
  constructor(topics: readonly Topic[], found: readonly (TopicImage | undefined)[], absence: number) {
    this.#topics = topics;
    this.#found = found;
    this.#absence = absence;
    topics.forEach((topic, index) => {
      const image = found[index];
      const partitions = topic.partitions.filter(({ partitionIndex }) => image?.partitions[partitionIndex]);
      if (image && partitions.length > 0) this.known.push({ name: image.name, topicId: image.id, partitions });
    });
  }

  /** In the order of the request; `errorOf` is asked with positions in `known`. */
  answer(
    errorOf: (topic: number, partition: number) => number,
  ): (Omit<Topic, 'partitions'> & { partitions: AnsweredPartition[] })[] {
    let knownTopic = -1;
    return this.#topics.map((topic, index) => {
      const image = this.#found[index];
      let knownPartition = -1;
      return {
        ...topic,
        partitions: topic.partitions.map(({ partitionIndex }) => {
          if (image === undefined) return { partitionIndex, errorCode: this.#absence };
          if (image.partitions[partitionIndex] === undefined) {
            return { partitionIndex, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION };
          }
          if (knownPartition < 0) knownTopic++;
          knownPartition++;
          return { partitionIndex, errorCode: errorOf(knownTopic, knownPartition) };
        }),
      };
    });
  }
}
