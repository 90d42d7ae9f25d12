// The metadata log: races, snapshots, damage, and any history read again.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { openDirectoryStore } from '../object-store/directory.ts';
import { memoryObjectStore } from '../object-store/memory.ts';
import type { ObjectStore } from '../object-store/object-store.ts';
import { UnsyncedFiles } from '../runtime/memory/unsynced-files.ts';
import type { LogLines } from '../runtime/runtime.ts';
import type { Image, MetadataChange } from './image.ts';
import { type MetadataLog, openMetadata } from './metadata-log.ts';
import { plainImage, testClock, testLog, testRandom } from './metadata-world.suite.ts';

const open = (store: ObjectStore, snapshotEvery = 256, log: LogLines = testLog()): Promise<MetadataLog> =>
  openMetadata({ store, clock: testClock(), random: testRandom(), log, snapshotEvery });

const topicCreated = (name: string): MetadataChange => ({
  type: 'topic-created',
  name,
  id: `id-of-${name}`,
  internal: false,
  partitions: [{ leader: 1, leaderEpoch: 0, replicas: [1], isr: [1] }],
});

const setConfig = (resource: string, name: string, value: string | null): MetadataChange => ({
  type: 'config-set',
  resource,
  name,
  value,
});

const numbers = async (store: ObjectStore) =>
  (await store.list('metadata/')).map((key) => key.replace(/^metadata\/|0{10,}|\.json$/g, ''));

describe('the metadata log', () => {
  it('creates a cluster over an empty store and finds it again', async () => {
    const store = memoryObjectStore();
    const first = await open(store);
    assert.match(first.image.clusterId, /^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
    const second = await open(store);
    assert.equal(second.image.clusterId, first.image.clusterId);
    assert.deepEqual(await numbers(store), ['1']);
  });

  it('does what is to be done at the start in the commit that creates the cluster', async () => {
    const store = memoryObjectStore();
    const atStart = (): MetadataChange[] => [topicCreated('a')];
    const metadata = await openMetadata({ store, clock: testClock(), random: testRandom(), log: testLog(), atStart });
    assert.deepEqual([metadata.image.version, metadata.image.topics.size], [1, 1]);
  });

  it('gives listeners the image before and after, before the commit resolves', async () => {
    const metadata = await open(memoryObjectStore());
    const seen: string[] = [];
    metadata.onChange((image, before) => seen.push(`${before.version}→${image.version} ${[...image.topics.keys()]}`));
    const image = await metadata.commit(() => [topicCreated('a')]);
    assert.deepEqual(seen, ['1→2 a']);
    assert.equal(image, metadata.image);
  });

  it('commits nothing when nothing is decided', async () => {
    const store = memoryObjectStore();
    const metadata = await open(store);
    await metadata.commit(() => []);
    assert.deepEqual(await numbers(store), ['1']);
  });

  it('throws what the decision throws, and goes on', async () => {
    const metadata = await open(memoryObjectStore());
    await assert.rejects(
      metadata.commit(() => {
        throw new Error('no');
      }),
      /^Error: no$/,
    );
    await metadata.commit(() => [topicCreated('a')]);
    assert.ok(metadata.image.topics.has('a'));
  });

  it('puts decisions that arrive during a commit into one, each on the image of the ones before it', async () => {
    const store = memoryObjectStore();
    const metadata = await open(store);
    const reserve = (image: Image): MetadataChange[] => [
      { type: 'producer-ids-reserved', next: image.nextProducerId + 1 },
    ];
    const images = await Promise.all(Array.from({ length: 50 }, () => metadata.commit(reserve)));
    assert.equal(metadata.image.nextProducerId, 50);
    assert.equal(images.at(-1)?.nextProducerId, 50);
    assert.ok((await numbers(store)).length <= 3);
  });

  it('lets two brokers over one store decide one after the other, whoever wins', async () => {
    const store = memoryObjectStore();
    const brokers = [await open(store, 8), await open(store, 8)];
    const rounds = Array.from({ length: 40 }, (_, round) => round);
    const taken: number[] = [];
    for (const round of rounds) {
      await Promise.all(
        brokers.map((broker) => {
          let mine = -1;
          const reserve = (image: Image): MetadataChange[] => {
            mine = image.nextProducerId;
            return [{ type: 'producer-ids-reserved', next: mine + 1 }, topicCreated(`t${round}-${mine}`)];
          };
          return broker.commit(reserve).then(() => taken.push(mine));
        }),
      );
    }
    assert.deepEqual(
      taken.sort((one, other) => one - other),
      Array.from({ length: 80 }, (_, index) => index),
    );
    await Promise.all(brokers.map((broker) => broker.refresh()));
    assert.deepEqual(plainImage(brokers[0]!.image), plainImage(brokers[1]!.image));
    assert.equal(brokers[0]!.image.topics.size, 80);
  });

  it('knows its own commit again when the store created it and failed to say so', async () => {
    const store = memoryObjectStore();
    const metadata = await open(store);
    const forgetful: ObjectStore = {
      ...store,
      createIfAbsent: async (key, body) => (await store.createIfAbsent(key, body)) && false,
    };
    const other = await open(forgetful);
    await other.commit(() => [topicCreated('once')]);
    assert.equal(other.image.version, 2);
    await metadata.refresh();
    assert.ok(metadata.image.topics.has('once'));
  });

  it('keeps as many files as two snapshots need, and starts from the newest', async () => {
    const store = memoryObjectStore();
    const metadata = await open(store, 10);
    for (let i = 0; i < 35; i++) await metadata.commit(() => [setConfig('topic:a', 'retention.ms', String(i))]);
    assert.deepEqual(await numbers(store), [
      ...Array.from({ length: 16 }, (_, index) => String(21 + index)),
      'snapshot-20',
      'snapshot-30',
    ]);
    let reads = 0;
    const get = (key: string) => {
      reads++;
      return store.get(key);
    };
    const counting: ObjectStore = { ...store, get };
    const next = await open(counting, 10);
    assert.equal(reads, 1 + 6);
    assert.deepEqual(plainImage(next.image), plainImage(metadata.image));
  });

  it('catches up from a snapshot when its next commits are gone', async () => {
    const store = memoryObjectStore();
    const sleeper = await open(store, 5);
    const active = await open(store, 5);
    for (let i = 0; i < 23; i++) await active.commit(() => [topicCreated(`t${i}`)]);
    await sleeper.commit((image) => [setConfig('topic:t0', 'seen', String(image.topics.size))]);
    assert.equal(sleeper.image.configs.get('topic:t0')?.get('seen'), '23');
    assert.equal(sleeper.image.version, 25);
  });

  it('does not count a commit under a number that was used and removed long ago', async () => {
    const store = memoryObjectStore();
    let stopped: (() => void) | undefined;
    let wake = (): void => {};
    const sleepy: ObjectStore = {
      ...store,
      async createIfAbsent(key, body) {
        if (stopped) {
          const sleep = new Promise<void>((resolve) => (wake = resolve));
          stopped();
          await sleep;
        }
        return store.createIfAbsent(key, body);
      },
    };
    const sleeper = await open(sleepy, 5);
    const active = await open(store, 5);
    const asleep = new Promise<void>((resolve) => (stopped = resolve));
    const late = sleeper.commit(() => [topicCreated('late')]);
    await asleep;
    stopped = undefined;
    for (let i = 0; i < 23; i++) await active.commit(() => [topicCreated(`t${i}`)]);
    wake();
    await assert.rejects(late, /stopped for so long/);
    await active.refresh();
    assert.equal(active.image.topics.has('late'), false);
    assert.ok(!(await numbers(store)).includes('2'));
    await sleeper.commit(() => [topicCreated('late')]);
    await active.refresh();
    assert.ok(active.image.topics.has('late'));
  });

  it('goes on without a snapshot that cannot be written, and says so', async () => {
    const store = memoryObjectStore();
    const log = testLog();
    const failing: ObjectStore = {
      ...store,
      createIfAbsent: (key, body) =>
        key.includes('snapshot') ? Promise.reject(new Error('full')) : store.createIfAbsent(key, body),
    };
    const metadata = await open(failing, 2, log);
    await metadata.commit(() => [topicCreated('a')]);
    await metadata.commit(() => [topicCreated('b')]);
    assert.match(log.lines.join('\n'), /snapshot could not be written/);
    assert.equal(metadata.image.topics.size, 2);
  });

  it('can be read by people', async () => {
    const store = memoryObjectStore();
    const metadata = await open(store);
    await metadata.commit(() => [setConfig('topic:a', 'retention.ms', '1000')]);
    const text = (await store.get('metadata/00000000000000000002.json'))?.toString() ?? '';
    assert.deepEqual(JSON.parse(text).changes, [
      { type: 'config-set', resource: 'topic:a', name: 'retention.ms', value: '1000' },
    ]);
    assert.match(
      text,
      /^\{"format":1,"number":2,"at":"2026-01-02T03:04:05\.000Z",.*\n\{"type":"config-set".*\n\]\}\n$/,
    );
  });

  it('survives a power cut with everything it has acknowledged', async () => {
    const disk = new UnsyncedFiles();
    const store = (files: UnsyncedFiles) =>
      openDirectoryStore({ files: files.files, random: testRandom(), directory: '/data', owner: 'broker-1' });
    const metadata = await open(await store(disk), 4);
    for (let i = 0; i < 11; i++) await metadata.commit(() => [topicCreated(`t${i}`)]);
    const next = await open(await store(disk.crash()), 4);
    assert.deepEqual(plainImage(next.image), plainImage(metadata.image));
  });
});

describe('a metadata file that is not what was written', () => {
  const key = 'metadata/00000000000000000002.json';
  const damage = async (change: (body: Buffer) => Buffer | undefined, which = key): Promise<Promise<MetadataLog>> => {
    const store = memoryObjectStore();
    const metadata = await open(store);
    await metadata.commit(() => [topicCreated('a')]);
    await metadata.commit(() => [topicCreated('b')]);
    const changed = change((await store.get(which))!);
    await store.delete(which);
    if (changed) await store.createIfAbsent(which, changed);
    return assert.rejects(open(store), (error: Error & { code: string }) => {
      assert.match(error.message, /^[A-Z][^\n]+\.( \(.*\))?$/);
      throw error;
    }) as never;
  };

  it('is refused in one sentence when it is cut short', async () => {
    await assert.rejects(
      damage((body) => body.subarray(0, body.length - 10)),
      { code: 'DAMAGED', message: /00002\.json is damaged: it is not complete JSON; restore it/ },
    );
  });

  it('is refused when a byte of it changed', async () => {
    const change = (body: Buffer) => Buffer.from(body.toString().replace('"name":"a"', '"name":"c"'));
    await assert.rejects(damage(change), { code: 'DAMAGED', message: /its checksum is wrong/ });
  });

  it('is refused when it is empty, or JSON of something else', async () => {
    await assert.rejects(
      damage(() => Buffer.alloc(0)),
      { code: 'DAMAGED' },
    );
    await assert.rejects(
      damage(() => Buffer.from('null')),
      { code: 'DAMAGED' },
    );
    await assert.rejects(
      damage(() => Buffer.from('{"number":2}')),
      { code: 'DAMAGED' },
    );
    await assert.rejects(
      damage(() => Buffer.from('{"format":1,"number":2}')),
      { code: 'DAMAGED' },
    );
  });

  it('is refused when it is missing while later ones are there', async () => {
    await assert.rejects(
      damage(() => undefined),
      { code: 'DAMAGED', message: /00002\.json is damaged: it is missing/ },
    );
  });

  it('is refused when it lies under the name of another', async () => {
    const store = memoryObjectStore();
    const metadata = await open(store);
    await metadata.commit(() => [topicCreated('a')]);
    await store.createIfAbsent('metadata/00000000000000000003.json', (await store.get(key))!);
    await assert.rejects(open(store), { code: 'DAMAGED', message: /it says it is number 2/ });
  });

  it('is refused with the advice to start a newer version when it has a newer format', async () => {
    const change = () => Buffer.from('{"format":2,"whatever":[]}');
    await assert.rejects(damage(change), {
      code: 'NEWER_FORMAT',
      message: /newer version of Ottla \(format 2, and this version reads 1\)/,
    });
  });

  it('is refused when it holds a change of a type that is not known', async () => {
    const store = memoryObjectStore();
    const metadata = await open(store);
    await assert.rejects(
      metadata.commit(() => [{ type: 'quota-set' } as never]),
      { code: 'NEWER_FORMAT', message: /type "quota-set"/ },
    );
  });
});

describe('any history of changes', () => {
  const name = fc.constantFrom('a', 'b', 'c.d', 'e');
  const step = fc.oneof(
    fc.record({ kind: fc.constant('create' as const), name, count: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ kind: fc.constant('delete' as const), name }),
    fc.record({ kind: fc.constant('grow' as const), name }),
    fc.record({
      kind: fc.constant('config' as const),
      name,
      key: fc.constantFrom('x', 'y'),
      value: fc.option(fc.string()),
    }),
    fc.record({ kind: fc.constant('broker' as const), id: fc.integer({ min: 0, max: 3 }), there: fc.boolean() }),
    fc.record({ kind: fc.constant('epochs' as const), id: fc.integer({ min: 0, max: 3 }) }),
    fc.record({ kind: fc.constant('reserve' as const), by: fc.integer({ min: 1, max: 1000 }) }),
    fc.record({ kind: fc.constant('reload' as const) }),
  );
  type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

  const decide = (image: Image, each: Step, serial: number): MetadataChange[] => {
    const partition = { leader: serial % 4, leaderEpoch: 0, replicas: [serial % 4], isr: [serial % 4] };
    switch (each.kind) {
      case 'create':
        if (image.topics.has(each.name)) return [];
        return [
          {
            type: 'topic-created',
            name: each.name,
            id: `id${serial}`,
            internal: false,
            partitions: Array(each.count).fill(partition),
          },
        ];
      case 'delete': {
        const topic = image.topics.get(each.name);
        return topic ? [{ type: 'topic-deleted', id: topic.id }] : [];
      }
      case 'grow': {
        const topic = image.topics.get(each.name);
        return topic ? [{ type: 'partitions-added', topicId: topic.id, partitions: [partition] }] : [];
      }
      case 'config':
        return [setConfig(`topic:${each.name}`, each.key, each.value)];
      case 'broker':
        return each.there
          ? [{ type: 'broker-registered', broker: { id: each.id, rack: null, endpoints: [] } }]
          : [{ type: 'broker-unregistered', brokerId: each.id }];
      case 'epochs':
        return [{ type: 'leader-epochs-raised', brokerId: each.id }];
      case 'reserve':
        return [{ type: 'producer-ids-reserved', next: image.nextProducerId + each.by }];
      default:
        return [];
    }
  };

  it('is the same after it was read again, whatever was snapshotted and removed on the way', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: 7 }),
        async (steps, snapshotEvery) => {
          const store = memoryObjectStore();
          let metadata = await open(store, snapshotEvery);
          for (const [serial, each] of steps.entries()) {
            await metadata.commit((image) => decide(image, each, serial));
            if (each.kind === 'reload') {
              const reloaded = await open(store, snapshotEvery);
              assert.deepEqual(plainImage(reloaded.image), plainImage(metadata.image));
              metadata = reloaded;
            }
          }
          assert.deepEqual(plainImage((await open(store, 3)).image), plainImage(metadata.image));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is one history for all brokers that take part in it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(step, fc.integer({ min: 0, max: 2 })), { maxLength: 40 }), async (steps) => {
        const store = memoryObjectStore();
        const brokers = [await open(store, 4), await open(store, 4), await open(store, 4)];
        await Promise.all(
          steps.map(([each, broker], serial) => brokers[broker]!.commit((image) => decide(image, each, serial))),
        );
        await Promise.all(brokers.map((broker) => broker.refresh()));
        const [first, ...others] = brokers.map((broker) => plainImage(broker.image));
        for (const other of others) assert.deepEqual(other, first);
      }),
      { numRuns: 60 },
    );
  });
});
