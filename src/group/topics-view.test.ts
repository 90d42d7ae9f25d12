import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyImage } from '../metadata/fold.ts';
import type { Image, TopicImage } from '../metadata/image.ts';
import { TopicsView } from './topics-view.ts';

const partition = { leader: 0, leaderEpoch: 0, isr: [0] };
const RACKED = topic('tópico', 'AAAAAAAAEAAAAAAAAAAgAQ', 2, [1, 2]);
const BIG = topic('big', 'AAAAAAAAAAH__________g', 300, [3]);
const SMALL = topic('small', 'AAAAAAAAAAUAAAAAAAAABg', 1, [3]);

test("a group's hash of its topics is Kafka's, racks and non-ASCII names included", () => {
  const view = new TopicsView(image(1, [SMALL, RACKED, BIG]));
  assert.equal(view.hashOf(['tópico', 'big', 'small', 'unknown']), 2142367930738580004n);
  assert.equal(view.hashOf(['tópico']), 5974985992481046075n);
  assert.equal(view.hashOf(['big']), -2038993484835623696n);
  assert.equal(view.hashOf(['unknown']), 0n);
});

test('an update tells which topics changed, and when one was last created', () => {
  const view = new TopicsView(image(1, [SMALL, BIG]));
  assert.equal(view.lastCreationVersion, 1);
  const before = view.hashOf(['big', 'small']);
  const grown = topic('big', BIG.id, 301, [3]);
  assert.deepEqual(view.update(image(2, [SMALL, grown])), new Set(['big']));
  assert.equal(view.lastCreationVersion, 1);
  assert.notEqual(view.hashOf(['big', 'small']), before);
  assert.deepEqual(view.update(image(3, [grown, RACKED])), new Set(['small', 'tópico']));
  assert.equal(view.lastCreationVersion, 3);
  const anew = topic('big', SMALL.id, 301, [3]);
  assert.deepEqual(view.update(image(4, [anew, RACKED])), new Set(['big']));
  assert.equal(view.lastCreationVersion, 4, 'made again under its name');
});

function topic(name: string, id: string, partitions: number, replicas: number[]): TopicImage {
  return {
    name,
    id,
    internal: false,
    partitions: Array.from({ length: partitions }, () => ({ ...partition, replicas })),
  };
}

function image(version: number, topics: readonly TopicImage[]): Image {
  const racks = [
    [1, 'bb'],
    [2, 'a'],
    [3, null],
  ] as const;
  return {
    ...emptyImage(),
    version,
    clusterId: SMALL.id,
    brokers: new Map(racks.map(([id, rack]) => [id, { id, rack, endpoints: [] }])),
    topics: new Map(topics.map((each) => [each.name, each])),
    topicsById: new Map(topics.map((each) => [each.id, each])),
    configs: new Map(),
    nextProducerId: 0,
  };
}
