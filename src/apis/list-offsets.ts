// ListOffsets, versions 1 to 11.
//
// Behaviour: −1 latest (the high watermark, or the last stable offset for readers of committed records), −2 earliest,
// −3 the record with the greatest timestamp, −4 earliest on local disks (the same: there is no tiered storage), −5 and
// −6 of tiered storage: none, answered −1; other timestamps: the first record at or after them, exact to the record and
// including what is not in a segment yet. Nothing found: offset −1, no error. Special timestamps of later versions, and
// unknown ones: UNSUPPORTED_VERSION for the partition. A partition named twice, within one topic or across two entries of
// the topic: INVALID_REQUEST, once; each topic is answered once.
//
// Deviations: replicas and debugging consumers (replica id other than −1) see committed offsets only. timeout.ms is not
// needed: lookups read local files.
//
// KIPs: 79, 207 (leader epochs), 405/1005/1023 (tiered storage), 734 (max timestamp).
import type { FoundOffset, Partition } from '../partition/partition.ts';
import type { Partitions } from '../partition/partitions.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type ListOffsetsRequest,
  type ListOffsetsResponseInput,
  listOffsets,
} from '../protocol/messages/list-offsets.ts';
import { FileError } from '../runtime/files.ts';
import type { LogLines } from '../runtime/runtime.ts';
import { StorageError } from '../storage/storage-error.ts';
import type { ApiHandler } from './api.ts';

const LATEST = -1;
const EARLIEST = -2;
const MAX_TIMESTAMP = -3;
const EARLIEST_LOCAL = -4;
const LATEST_TIERED = -5;
const EARLIEST_PENDING_UPLOAD = -6;

const FIRST_VERSION_OF: ReadonlyMap<number, number> = new Map([
  [LATEST, 1],
  [EARLIEST, 1],
  [MAX_TIMESTAMP, 7],
  [EARLIEST_LOCAL, 8],
  [LATEST_TIERED, 9],
  [EARLIEST_PENDING_UPLOAD, 11],
]);

/** Lookups by timestamp read files: so many of one request at a time. */
const LOOKUPS_AT_ONCE = 8;

type Asked = ListOffsetsRequest['topics'][number]['partitions'][number];
type Answered = ListOffsetsResponseInput['topics'][number]['partitions'][number];

type Dependencies = { readonly partitions: Partitions; readonly log: LogLines };

export function listOffsetsHandler(
  dependencies: Dependencies,
): ApiHandler<ListOffsetsRequest, ListOffsetsResponseInput> {
  return {
    api: listOffsets,
    minVersion: 1,
    maxVersion: 11,
    dispatch(request, context, reply) {
      const search = new OffsetSearch(dependencies, request, context.apiVersion);
      const topics = search.answerAll();
      if (search.lookups.length === 0) reply({ throttleTimeMs: 0, topics });
      else void search.finishLookups().then(() => reply({ throttleTimeMs: 0, topics }));
    },
    failed: ({ topics }, errorCode) => ({
      throttleTimeMs: 0,
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((asked) => failed(asked, errorCode)),
      })),
    }),
  };
}

interface Lookup {
  readonly partition: Partition;
  readonly asked: Asked;
  readonly answers: Answered[];
  readonly index: number;
}

/** One request: what can be answered at once is, the rest is looked up in files. */
class OffsetSearch {
  readonly lookups: Lookup[] = [];
  readonly #dependencies: Dependencies;
  readonly #request: ListOffsetsRequest;
  readonly #version: number;

  constructor(dependencies: Dependencies, request: ListOffsetsRequest, version: number) {
    this.#dependencies = dependencies;
    this.#request = request;
    this.#version = version;
  }

  /** The lists are completed in place by `finishLookups`. */
  answerAll(): { name: string; partitions: Answered[] }[] {
    const duplicates = duplicatePartitions(this.#request);
    const refused = new Set<string>();
    const byTopic = new Map<string, Answered[]>();
    for (const { name, partitions } of this.#request.topics) {
      const answers = byTopic.get(name) ?? [];
      byTopic.set(name, answers);
      for (const asked of partitions) {
        const key = `${name}/${asked.partitionIndex}`;
        if (!duplicates.has(key)) answers.push(this.#answer(name, asked, answers));
        else if (!refused.has(key)) answers.push(failed(asked, ErrorCode.INVALID_REQUEST));
        if (duplicates.has(key)) refused.add(key);
      }
    }
    return [...byTopic].map(([name, partitions]) => ({ name, partitions }));
  }

  async finishLookups(): Promise<void> {
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < this.lookups.length) {
        const { partition, asked, answers, index } = this.lookups[next++]!;
        answers[index] = await this.#lookUp(partition, asked);
      }
    };
    await Promise.all(Array.from({ length: Math.min(LOOKUPS_AT_ONCE, this.lookups.length) }, worker));
  }

  #answer(topic: string, asked: Asked, answers: Answered[]): Answered {
    const { timestamp } = asked;
    if (timestamp < 0 && this.#version < (FIRST_VERSION_OF.get(timestamp) ?? Number.POSITIVE_INFINITY)) {
      return failed(asked, ErrorCode.UNSUPPORTED_VERSION);
    }
    const { partitions } = this.#dependencies;
    const partition = partitions.byName(topic, asked.partitionIndex);
    if (partition === undefined) return failed(asked, partitions.absence(topic, asked.partitionIndex));
    const errorCode = partition.checkLeaderEpoch(asked.currentLeaderEpoch);
    if (errorCode !== ErrorCode.NONE) return failed(asked, errorCode);
    switch (timestamp) {
      case LATEST:
        return found(asked, partition.latestOffset(this.#request.isolationLevel));
      case EARLIEST:
      case EARLIEST_LOCAL:
        return found(asked, partition.earliestOffset());
      case LATEST_TIERED:
      case EARLIEST_PENDING_UPLOAD:
        return found(asked, undefined);
      default:
        this.lookups.push({ partition, asked, answers, index: answers.length });
        return found(asked, undefined);
    }
  }

  async #lookUp(partition: Partition, asked: Asked): Promise<Answered> {
    const { isolationLevel } = this.#request;
    try {
      const offset =
        asked.timestamp === MAX_TIMESTAMP
          ? await partition.findMaxTimestamp(isolationLevel)
          : await partition.findTimestamp(asked.timestamp, isolationLevel);
      return partition.deleted ? failed(asked, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) : found(asked, offset);
    } catch (error) {
      if (partition.deleted) return failed(asked, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
      this.#dependencies.log.error('an offset could not be looked up', {
        topic: partition.id.topic,
        partition: partition.id.partition,
        error: error instanceof Error ? error.message : String(error),
      });
      const isStorage = error instanceof FileError || error instanceof StorageError;
      return failed(asked, isStorage ? ErrorCode.KAFKA_STORAGE_ERROR : ErrorCode.UNKNOWN_SERVER_ERROR);
    }
  }
}

function duplicatePartitions(request: ListOffsetsRequest): ReadonlySet<string> {
  const seen = new Set<string>();
  const duplicates = new Set<string>();
  for (const topic of request.topics) {
    for (const { partitionIndex } of topic.partitions) {
      const key = `${topic.name}/${partitionIndex}`;
      if (seen.has(key)) duplicates.add(key);
      seen.add(key);
    }
  }
  return duplicates;
}

function found(asked: Asked, offset: FoundOffset | undefined): Answered {
  return {
    partitionIndex: asked.partitionIndex,
    errorCode: ErrorCode.NONE,
    timestamp: offset?.timestampMs ?? -1,
    offset: offset?.offset ?? -1,
    leaderEpoch: offset?.leaderEpoch ?? -1,
  };
}

function failed(asked: Asked, errorCode: number): Answered {
  return { partitionIndex: asked.partitionIndex, errorCode };
}
