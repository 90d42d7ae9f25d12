// How long newcomers wait, by address and all together, and that what is forgotten is what was not used.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EntityQuotas } from '../metadata/image.ts';
import { ConnectionRates } from './connection-rates.ts';
import { QuotaLimits } from './quota-limits.ts';
import { RecentlyUsed } from './recently-used.ts';

function world(addressRate: number | undefined, brokerRate = 0x7fffffff) {
  const time = { ms: 0 };
  const quotas = new Map<string, number>(addressRate === undefined ? [] : [['connection_creation_rate', addressRate]]);
  const clientQuotas = new Map<string, EntityQuotas>([['any', { entity: { ip: null }, quotas }]]);
  const rates = new ConnectionRates({
    limits: new QuotaLimits({ image: { clientQuotas } }, 'connection_creation_rate'),
    clock: { nowMs: () => time.ms, monotonicMs: () => time.ms },
    brokerRate: () => brokerRate,
    windows: 3,
    windowMs: 1000,
  });
  return { rates, time };
}

test('an address may use what its rate gives in all windows at once, and is early then until time has passed', () => {
  const { rates, time } = world(2);
  assert.deepEqual(
    Array.from({ length: 4 }, () => rates.tooEarlyMs('10.0.0.1')),
    [0, 0, 0, 0],
  );
  assert.ok(rates.tooEarlyMs('10.0.0.1') > 0);
  assert.equal(rates.tooEarlyMs('10.0.0.2'), 0, 'another address has a rate of its own');
  time.ms = 10_000;
  assert.equal(rates.tooEarlyMs('10.0.0.1'), 0);
});

test('whoever was too early has not used anything up', () => {
  const { rates, time } = world(2);
  for (let each = 0; each < 4; each++) assert.equal(rates.tooEarlyMs('10.0.0.1'), 0);
  for (let again = 0; again < 100; again++) assert.ok(rates.tooEarlyMs('10.0.0.1') > 0);
  time.ms = 2_900;
  assert.equal(rates.tooEarlyMs('10.0.0.1'), 0);
});

test('without a quota nobody is early, and with a rate of 0 everybody is', () => {
  const free = world(undefined).rates;
  for (let each = 0; each < 1000; each++) assert.equal(free.tooEarlyMs('10.0.0.1') + free.paceMs(), 0);
  assert.equal(world(0).rates.tooEarlyMs('10.0.0.1'), 1000);
});

test('the rate of the broker makes newcomers wait, one window at most', () => {
  const { rates } = world(undefined, 1);
  assert.equal(rates.paceMs(), 0);
  assert.equal(rates.paceMs(), 0);
  assert.equal(rates.paceMs(), 1000);
});

test('of too many names those used longest ago are forgotten, and all after an hour', () => {
  const names = new RecentlyUsed<object>(2);
  const first = names.get('a', 0, () => ({}));
  names.get('b', 1, () => ({}));
  assert.equal(
    names.get('a', 2, () => ({})),
    first,
  );
  names.get('c', 3, () => ({}));
  assert.equal(names.size, 2);
  assert.equal(
    names.get('a', 4, () => ({})),
    first,
  );
  names.get('d', 3_700_000, () => ({}));
  assert.equal(names.size, 1);
});
