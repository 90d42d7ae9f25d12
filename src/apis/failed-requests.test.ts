// What is answered when a handler threw: APIs that have no error code for the whole request say it of everything asked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Api, decodeRequest, decodeResponse, encodeRequest, encodeResponse } from '../protocol/api.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { alterConfigsHandler } from './alter-configs.ts';
import { createPartitionsHandler } from './create-partitions.ts';
import { createTopicsHandler } from './create-topics.ts';
import { deleteRecordsHandler } from './delete-records.ts';
import { deleteTopicsHandler } from './delete-topics.ts';
import { describeConfigsHandler } from './describe-configs.ts';
import { incrementalAlterConfigsHandler } from './incremental-alter-configs.ts';
import { listOffsetsHandler } from './list-offsets.ts';
import { offsetForLeaderEpochHandler } from './offset-for-leader-epoch.ts';
import { produceHandler } from './produce.ts';
import type { AnyApiHandler } from './registry.ts';

const nothing = {} as never;
const resource = { resourceType: 2, resourceName: 't', configs: [] };

/** Each asks for one thing. */
const REQUESTS: readonly [AnyApiHandler, object][] = [
  [
    produceHandler(nothing),
    { acks: -1, timeoutMs: 1, topicData: [{ name: 't', partitionData: [{ index: 0, records: null }] }] },
  ],
  [
    listOffsetsHandler(nothing),
    { replicaId: -1, topics: [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: -1 }] }] },
  ],
  [offsetForLeaderEpochHandler(nothing), { topics: [{ topic: 't', partitions: [{ partition: 0, leaderEpoch: 0 }] }] }],
  [
    deleteRecordsHandler(nothing),
    { timeoutMs: 1, topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset: 1 }] }] },
  ],
  [
    createTopicsHandler(nothing),
    { timeoutMs: 1, topics: [{ name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }] },
  ],
  [deleteTopicsHandler(nothing), { timeoutMs: 1, topicNames: ['t'], topics: [{ name: 't' }] }],
  [createPartitionsHandler(nothing), { timeoutMs: 1, validateOnly: false, topics: [{ name: 't', count: 2 }] }],
  [describeConfigsHandler(nothing), { resources: [{ resourceType: 2, resourceName: 't', configurationKeys: null }] }],
  [alterConfigsHandler(nothing), { resources: [resource], validateOnly: false }],
  [incrementalAlterConfigsHandler(nothing), { resources: [resource], validateOnly: false }],
];

for (const [handler, request] of REQUESTS) {
  const { api } = handler;
  test(`${api.name}: a failure is said of what was asked for, in every version`, () => {
    for (let version = handler.minHandledVersion ?? handler.minVersion; version <= handler.maxVersion; version++) {
      const codes = errorCodesOf(answerTo(handler, version, request));
      assert.deepEqual(
        codes.filter((code) => code !== ErrorCode.NONE),
        [ErrorCode.KAFKA_STORAGE_ERROR],
        `version ${version}`,
      );
    }
  });
}

test('a produce request that wants no answer gets none', () => {
  assert.equal(produceHandler(nothing).failed?.({ acks: 0 } as never, ErrorCode.KAFKA_STORAGE_ERROR), undefined);
});

function answerTo(handler: AnyApiHandler, version: number, request: object): unknown {
  const api: Api = handler.api;
  const decoded = decodeRequest(api, version, Buffer.concat(encodeRequest(api, version, request as never)));
  const answer = handler.failed?.(decoded, ErrorCode.KAFKA_STORAGE_ERROR);
  return decodeResponse(api, version, Buffer.concat(encodeResponse(api, version, answer as never)));
}

/** All values named errorCode, wherever they are. */
function errorCodesOf(value: unknown): number[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => (name === 'errorCode' ? [inner] : errorCodesOf(inner)));
}
