// The persistent map against a plain one.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PersistentMap } from './persistent-map.ts';

describe('a persistent map', () => {
  it('is what a map is after any changes, and leaves its ancestors as they were', () => {
    const key = fc.oneof(
      fc.integer({ min: 0, max: 80 }).map((number) => `key-${number}`),
      fc.string({ maxLength: 2 }),
    );
    const change = fc.record({ key, value: fc.option(fc.integer()) });
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 60 }), { maxLength: 12 }), (drafts) => {
        let map = new PersistentMap<string, number>();
        let model = new Map<string, number>();
        for (const changes of drafts) {
          const [before, modelBefore] = [map, model];
          model = new Map(model);
          const draft = map.draft();
          for (const { key, value } of changes) {
            if (value === null) {
              draft.delete(key);
              model.delete(key);
            } else {
              draft.set(key, value);
              model.set(key, value);
            }
            assert.equal(draft.get(key), model.get(key));
          }
          map = draft.finish();
          assert.equal(map.size, model.size);
          assert.deepEqual(new Map(map), model);
          assert.deepEqual(new Set(map.keys()), new Set(model.keys()));
          assert.deepEqual(new Map(before), modelBefore);
          const changed = [...new Set([...model.keys(), ...modelBefore.keys()])].filter(
            (each) => model.get(each) !== modelBefore.get(each),
          );
          assert.deepEqual(new Set(map.changedSince(before)), new Set(changed));
        }
      }),
    );
  });

  it('takes numbers as keys', () => {
    const draft = new PersistentMap<number, string>().draft();
    for (let i = 0; i < 1000; i++) draft.set(i - 500, String(i));
    const map = draft.finish();
    assert.equal(map.size, 1000);
    assert.equal(map.get(-500), '0');
    assert.equal(map.has(500), false);
  });

  it('is itself after a draft that changed nothing', () => {
    const map = new PersistentMap<string, number>();
    assert.equal(map.draft().finish(), map);
  });
});
