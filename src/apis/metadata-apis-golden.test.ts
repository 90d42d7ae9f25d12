// The metadata APIs answer whatever the golden requests hold, extreme values included.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { repositoryPath } from '../../test/repository.ts';
import { metadataApiWorld } from './metadata-api-world.suite.ts';

interface Vector {
  readonly apiKey: number;
  readonly kind: string;
  readonly version: number;
  readonly variant: string;
  readonly hex: string;
}

const APIS = {
  createTopics: 'CreateTopics',
  deleteTopics: 'DeleteTopics',
  createPartitions: 'CreatePartitions',
  describeConfigs: 'DescribeConfigs',
  incrementalAlterConfigs: 'IncrementalAlterConfigs',
  alterConfigs: 'AlterConfigs',
  listConfigResources: 'ListConfigResources',
} as const;

describe('every request that Kafka’s own code wrote', () => {
  for (const [name, file] of Object.entries(APIS)) {
    it(`is answered by ${file}, whatever its values`, async () => {
      const lines = gunzipSync(readFileSync(repositoryPath('test', 'golden', `${file}.ndjson.gz`)))
        .toString()
        .trim()
        .split('\n');
      const requests = lines.map((line) => JSON.parse(line) as Vector).filter(({ kind }) => kind === 'request');
      assert.ok(requests.length > 0);
      for (const { version, hex } of requests) {
        const world = await metadataApiWorld();
        assert.ok(await world[name as keyof typeof APIS].bytes(version, Buffer.from(hex, 'hex')));
      }
    });
  }
});
