// CreateTopics, DeleteTopics and CreatePartitions as clients of every version see them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ErrorCode } from '../protocol/error-code.ts';
import { ZERO_UUID } from '../protocol/uuid.ts';
import { type Call, metadataApiWorld } from './metadata-api-world.suite.ts';

const topic = (name: string, more: object = {}) => ({
  name,
  numPartitions: 1,
  replicationFactor: 1,
  assignments: [],
  configs: [],
  ...more,
});

const create = (call: Call, version: number, topics: object[], validateOnly = false) =>
  call(version, { topics, timeoutMs: 1000, validateOnly });

describe('CreateTopics', () => {
  it('creates a topic in every version, and says what it has from version 5 on', async () => {
    const world = await metadataApiWorld();
    for (const version of world.createTopics.versions) {
      const name = `t${version}`;
      const wanted = topic(name, {
        numPartitions: -1,
        replicationFactor: -1,
        configs: [{ name: 'retention.ms', value: '7' }],
      });
      const { topics, throttleTimeMs } = await create(world.createTopics, version, [wanted]);
      const image = world.metadata.image.topics.get(name);
      const [result] = topics;
      assert.equal(throttleTimeMs, 0);
      assert.deepEqual([result.name, result.errorCode, result.errorMessage], [name, 0, null]);
      assert.equal(result.numPartitions, version >= 5 ? 1 : -1);
      assert.equal(result.replicationFactor, version >= 5 ? 1 : -1);
      assert.equal(result.topicId, version >= 7 ? image?.id : ZERO_UUID);
      if (version < 5) continue;
      assert.equal(result.configs.length, 33);
      const config = (key: string) => result.configs.find((each: { name: string }) => each.name === key);
      assert.deepEqual(config('retention.ms'), {
        name: 'retention.ms',
        value: '7',
        readOnly: false,
        configSource: 1,
        isSensitive: false,
      });
      assert.deepEqual(config('segment.ms'), {
        name: 'segment.ms',
        value: '604800000',
        readOnly: false,
        configSource: 5,
        isSensitive: false,
      });
    }
  });

  it('echoes a value as it was written, though it is stored in its plain form', async () => {
    const world = await metadataApiWorld();
    const configs = [{ name: 'retention.ms', value: ' 5000 ' }];
    const { topics } = await create(world.createTopics, 7, [topic('a', { configs })]);
    const named = (each: { name: string }) => each.name === 'retention.ms';
    assert.equal(topics[0].configs.find(named).value, ' 5000 ');
    const resources = [{ resourceType: 2, resourceName: 'a', configurationKeys: ['retention.ms'] }];
    const { results } = await world.describeConfigs(4, { resources });
    assert.equal(results[0].configs.find(named).value, '5000');
  });

  it('answers each topic on its own', async () => {
    const world = await metadataApiWorld();
    const { topics } = await create(world.createTopics, 7, [
      topic('twice'),
      topic('fine'),
      topic('bad name'),
      topic('twice'),
    ]);
    assert.deepEqual(
      topics.map((each: { name: string; errorCode: number; errorMessage: string }) => [each.name, each.errorCode]),
      [
        ['twice', ErrorCode.INVALID_REQUEST],
        ['fine', 0],
        ['bad name', ErrorCode.INVALID_TOPIC_EXCEPTION],
      ],
    );
    assert.equal(topics[0].errorMessage, 'Duplicate topic name.');
    assert.deepEqual([...world.metadata.image.topics.keys()], ['fine']);
  });

  it('creates nothing when only asked to check', async () => {
    const world = await metadataApiWorld();
    const { topics } = await create(world.createTopics, 7, [topic('a', { numPartitions: 3 })], true);
    assert.deepEqual([topics[0].errorCode, topics[0].numPartitions], [0, 3]);
    assert.equal(world.metadata.image.topics.size, 0);
  });

  it('answers an empty request', async () => {
    const world = await metadataApiWorld();
    assert.deepEqual((await create(world.createTopics, 7, [])).topics, []);
  });
});

describe('DeleteTopics', () => {
  const answers = (response: { responses: { name: string; topicId: string; errorCode: number }[] }) =>
    response.responses.map(({ name, topicId, errorCode }) => [name, topicId, errorCode]);

  it('deletes by name in every version', async () => {
    const world = await metadataApiWorld();
    for (const version of world.deleteTopics.versions) {
      await create(world.createTopics, 7, [topic('a')]);
      const { id } = world.metadata.image.topics.get('a')!;
      const request =
        version < 6
          ? { topicNames: ['a', 'b'] }
          : {
              topics: [
                { name: 'a', topicId: ZERO_UUID },
                { name: 'b', topicId: ZERO_UUID },
              ],
            };
      const response = await world.deleteTopics(version, { topics: [], topicNames: [], timeoutMs: 1, ...request });
      assert.deepEqual(answers(response), [
        ['b', ZERO_UUID, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
        ['a', version < 6 ? ZERO_UUID : id, 0],
      ]);
      assert.equal(world.metadata.image.topics.size, 0);
    }
  });

  it('deletes by id, and refuses what is unclear', async () => {
    const world = await metadataApiWorld();
    await create(world.createTopics, 7, [topic('a'), topic('b'), topic('c')]);
    const id = (name: string) => world.metadata.image.topics.get(name)!.id;
    const [a, b, c] = [id('a'), id('b'), id('c')];
    const unknown = 'AQEBAQEBQQGBAQEBAQEBAQ';
    const topics = [
      { name: null, topicId: a },
      { name: 'b', topicId: b },
      { name: null, topicId: ZERO_UUID },
      { name: null, topicId: unknown },
      { name: 'c', topicId: ZERO_UUID },
      { name: null, topicId: c },
      { name: 'x', topicId: ZERO_UUID },
      { name: 'x', topicId: ZERO_UUID },
    ];
    const response = await world.deleteTopics(6, { topics, topicNames: [], timeoutMs: 1 });
    assert.deepEqual(
      response.responses.map((each: { name: string; errorCode: number; errorMessage: string }) => [
        each.name,
        each.errorCode,
        each.errorMessage,
      ]),
      [
        ['b', ErrorCode.INVALID_REQUEST, 'You may not specify both topic name and topic id.'],
        [null, ErrorCode.INVALID_REQUEST, 'Neither topic name nor id were specified.'],
        ['x', ErrorCode.INVALID_REQUEST, 'Duplicate topic name.'],
        [null, ErrorCode.UNKNOWN_TOPIC_ID, null],
        ['c', ErrorCode.INVALID_REQUEST, 'The provided topic name maps to an ID that was already supplied.'],
        ['a', 0, null],
      ],
    );
    assert.deepEqual([...world.metadata.image.topics.keys()].sort(), ['b', 'c']);
  });

  it('deletes nothing when delete.topic.enable is false', async () => {
    const world = await metadataApiWorld({ staticValues: { 'delete.topic.enable': 'false' } });
    await create(world.createTopics, 7, [topic('a')]);
    const remove = (version: number) => world.deleteTopics(version, { topics: [], topicNames: ['a'], timeoutMs: 1 });
    assert.equal((await remove(2)).responses[0].errorCode, ErrorCode.INVALID_REQUEST);
    assert.equal((await remove(3)).responses[0].errorCode, ErrorCode.TOPIC_DELETION_DISABLED);
    assert.equal(world.metadata.image.topics.size, 1);
  });
});

describe('CreatePartitions', () => {
  it('adds partitions in every version', async () => {
    const world = await metadataApiWorld();
    await create(world.createTopics, 7, [topic('a')]);
    for (const version of world.createPartitions.versions) {
      const count = version + 2;
      const request = {
        topics: [{ name: 'a', count, assignments: version % 2 ? [{ brokerIds: [1] }] : null }],
        timeoutMs: 1,
        validateOnly: false,
      };
      assert.deepEqual((await world.createPartitions(version, request)).results, [
        { name: 'a', errorCode: 0, errorMessage: null },
      ]);
      assert.equal(world.metadata.image.topics.get('a')?.partitions.length, count);
    }
  });

  it('answers each topic on its own, and changes nothing when only asked to check', async () => {
    const world = await metadataApiWorld();
    await create(world.createTopics, 7, [topic('a'), topic('b')]);
    const topics = [
      { name: 'a', count: 2, assignments: null },
      { name: 'b', count: 3, assignments: null },
      { name: 'b', count: 4, assignments: null },
      { name: 'c', count: 1, assignments: null },
    ];
    const { results } = await world.createPartitions(3, { topics, timeoutMs: 1, validateOnly: true });
    assert.deepEqual(
      results.map((each: { name: string; errorCode: number }) => [each.name, each.errorCode]),
      [
        ['b', ErrorCode.INVALID_REQUEST],
        ['a', 0],
        ['c', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      ],
    );
    assert.equal(world.metadata.image.topics.get('a')?.partitions.length, 1);
  });
});
