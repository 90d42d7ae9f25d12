import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readGolden } from '../../../test/golden/read.ts';
import type { Assignment, Assignor, GroupSpec } from './assignor.ts';
import { assignRange } from './range.ts';
import { assignUniform } from './uniform.ts';

interface Case {
  readonly assignor: string;
  readonly kind: string;
  readonly seed: number;
  readonly round: number;
  readonly subscriptionType: string;
  readonly topics: Record<string, number>;
  readonly members: Record<
    string,
    { readonly subscribedTopicIds: string[]; readonly currentAssignment: Record<string, number[]> }
  >;
  readonly assignment: Record<string, Record<string, number[]>>;
}

const CASES = readGolden<Case>('assignors');

for (const [name, assign] of [
  ['uniform', assignUniform],
  ['range', assignRange],
] as const) {
  test(`${name} assigns what Kafka's assignor of that name does`, () => {
    const cases = CASES.filter((c) => c.assignor === name);
    assert.equal(cases.length, 180);
    for (const c of cases) {
      assert.deepEqual(assigned(assign, c), nonEmpty(c.assignment), `seed ${c.seed}, round ${c.round}`);
    }
  });
}

function assigned(assign: Assignor, c: Case): Record<string, Record<string, readonly number[]>> {
  const members = Object.entries(c.members).map(([id, member]) => [
    id,
    {
      instanceId: null,
      subscribedTopicIds: new Set(member.subscribedTopicIds),
      assigned: new Map(Object.entries(member.currentAssignment)) as Assignment,
    },
  ]) as [string, GroupSpec['members'] extends ReadonlyMap<string, infer Spec> ? Spec : never][];
  const result = assign({
    members: new Map(members),
    homogeneous: c.subscriptionType === 'HOMOGENEOUS',
    partitionCount: (id) => c.topics[id] ?? assert.fail(id),
  });
  return nonEmpty(Object.fromEntries([...result].map(([id, topics]) => [id, Object.fromEntries(topics)])));
}

function nonEmpty<T extends Record<string, readonly number[]>>(members: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(members).filter(([, topics]) => Object.keys(topics).length > 0));
}
