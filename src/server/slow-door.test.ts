// Who comes in when, with timers that go off by hand.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConnectionRates } from '../quota/connection-rates.ts';
import type { Connection } from '../runtime/network.ts';
import { SlowDoor } from './slow-door.ts';

function world(paces: number[], earlyMs = 0, waitingMax = 2) {
  const due: { readonly afterMs: number; readonly run: () => void }[] = [];
  const timers = {
    set(afterMs: number, run: () => void) {
      const entry = { afterMs, run };
      due.push(entry);
      return { cancel: () => void due.splice(due.indexOf(entry), due.includes(entry) ? 1 : 0) };
    },
    defer: () => {},
  };
  const rates = { paceMs: () => paces.shift() ?? 0, tooEarlyMs: () => earlyMs } as unknown as ConnectionRates;
  const door = new SlowDoor({ rates, timers, waitingMax: () => waitingMax });
  const entered: string[] = [];
  const destroyed: string[] = [];
  const arrive = (name: string) =>
    door.arrive({ remoteAddress: '10.0.0.1', destroy: () => void destroyed.push(name) } as Connection, () =>
      entered.push(name),
    );
  return { door, due, entered, destroyed, arrive };
}

test('as long as nobody is too fast everybody comes in at once', () => {
  const { arrive, entered, due } = world([]);
  for (const name of ['a', 'b', 'c']) assert.equal(arrive(name), undefined);
  assert.deepEqual(entered, ['a', 'b', 'c']);
  assert.equal(due.length, 0);
});

test('whoever is beyond the rate waits, those behind him too, and each is measured when his turn has come', () => {
  const { arrive, entered, due } = world([0, 500, 300]);
  for (const name of ['a', 'b', 'c', 'd']) assert.equal(arrive(name), undefined);
  assert.deepEqual(entered, ['a']);
  assert.equal(due[0]?.afterMs, 500);
  due.shift()!.run();
  assert.deepEqual(entered, ['a', 'b']);
  assert.equal(due[0]?.afterMs, 300);
  due.shift()!.run();
  assert.deepEqual(entered, ['a', 'b', 'c', 'd']);
});

test('the line has an end', () => {
  const { arrive, destroyed } = world([500]);
  for (const name of ['a', 'b', 'c']) assert.equal(arrive(name), undefined);
  assert.match(arrive('d') ?? '', /2 connections wait/);
  assert.deepEqual(destroyed, ['d']);
});

test('an address that is too early is closed after the time it was too early, and never comes in', () => {
  const { arrive, entered, destroyed, due } = world([], 700);
  arrive('a');
  assert.deepEqual(destroyed, []);
  assert.equal(due[0]?.afterMs, 700);
  due.shift()!.run();
  assert.deepEqual([entered, destroyed], [[], ['a']]);
});

test('closing the door closes all who wait', () => {
  const { door, arrive, entered, destroyed, due } = world([500]);
  arrive('a');
  arrive('b');
  door.close();
  assert.equal(due.length, 0);
  assert.deepEqual([entered, destroyed.sort()], [[], ['a', 'b']]);
});
