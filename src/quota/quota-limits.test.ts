// Which quota applies, for every way of naming users and client ids.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EntityQuotas, QuotaEntity } from '../metadata/image.ts';
import { type QuotaKey, QuotaLimits } from './quota-limits.ts';

const KEY: QuotaKey = 'producer_byte_rate';

function limitsOf(...entities: readonly (readonly [QuotaEntity, number])[]): QuotaLimits {
  const clientQuotas = new Map<string, EntityQuotas>(
    entities.map(([entity, value], index) => [String(index), { entity, quotas: new Map([[KEY, value]]) }]),
  );
  return new QuotaLimits({ image: { clientQuotas } }, KEY);
}

/** From the strongest to the weakest. */
const ORDER: readonly QuotaEntity[] = [
  { user: 'alice', 'client-id': 'app' },
  { user: 'alice', 'client-id': null },
  { user: 'alice' },
  { user: null, 'client-id': 'app' },
  { user: null, 'client-id': null },
  { user: null },
  { 'client-id': 'app' },
  { 'client-id': null },
];

test('the most specific quota applies, a user before a client id', () => {
  for (let strongest = 0; strongest < ORDER.length; strongest++) {
    const limits = limitsOf(
      ...ORDER.slice(strongest)
        .map((entity, index) => [entity, strongest + index + 1] as const)
        .reverse(),
    );
    assert.equal(limits.of({ user: 'alice', clientId: 'app' })?.limit, strongest + 1, JSON.stringify(ORDER[strongest]));
  }
});

test('who is named by nothing has no quota, nor has anybody a quota of another kind', () => {
  const limits = limitsOf([{ user: 'alice' }, 1], [{ 'client-id': 'app' }, 2]);
  assert.equal(limits.of({ user: 'bob', clientId: 'other' }), undefined);
  assert.equal(limitsOf().of({ user: 'alice', clientId: 'app' }), undefined);
});

test('a default is a quota for each, not one for all together', () => {
  const limits = limitsOf([{ user: null }, 1]);
  const alice = limits.of({ user: 'alice', clientId: 'app' });
  assert.equal(limits.of({ user: 'alice', clientId: 'other' })?.sharedBy, alice?.sharedBy);
  assert.notEqual(limits.of({ user: 'bob', clientId: 'app' })?.sharedBy, alice?.sharedBy);
});

test('a quota of a client id is shared by all users, and one of both by nobody else', () => {
  const limits = limitsOf([{ 'client-id': null }, 1], [{ user: 'alice', 'client-id': null }, 2]);
  const bob = limits.of({ user: 'bob', clientId: 'app' });
  assert.equal(limits.of({ user: 'carol', clientId: 'app' })?.sharedBy, bob?.sharedBy);
  const alice = limits.of({ user: 'alice', clientId: 'app' });
  assert.notEqual(limits.of({ user: 'alice', clientId: 'other' })?.sharedBy, alice?.sharedBy);
});

test('a client without an id is under quotas of its user alone', () => {
  const limits = limitsOf([{ 'client-id': null }, 1], [{ user: null, 'client-id': null }, 2]);
  assert.equal(limits.of({ user: 'alice', clientId: '' }), undefined);
});

test('an address has its own rate or the default of all', () => {
  const limits = limitsOf([{ ip: '10.0.0.1' }, 5], [{ ip: null }, 1]);
  assert.equal(limits.ofAddress('10.0.0.1'), 5);
  assert.equal(limits.ofAddress('10.0.0.2'), 1);
});
