// Connections are counted together and per address, and overrides win.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionLimits } from './connection-limits.ts';

const UNLIMITED = 0x7fffffff;

test('one more than max.connections is refused until one closes', () => {
  const limits = new ConnectionLimits(() => ({
    maxConnections: 2,
    maxConnectionsPerIp: UNLIMITED,
    maxConnectionsPerIpOverrides: '',
  }));
  assert.equal(limits.open('10.0.0.1'), undefined);
  assert.equal(limits.open('10.0.0.2'), undefined);
  assert.match(limits.open('10.0.0.3') ?? '', /max\.connections=2/);
  limits.closed('10.0.0.1');
  assert.equal(limits.open('10.0.0.3'), undefined);
  assert.equal(limits.count, 2);
});

test('an address has its own limit, which an override changes and a dynamic config moves', () => {
  let settings = {
    maxConnections: UNLIMITED,
    maxConnectionsPerIp: 1,
    maxConnectionsPerIpOverrides: '10.0.0.9:2, [::1]:0',
  };
  const limits = new ConnectionLimits(() => settings);
  assert.equal(limits.open('10.0.0.1'), undefined);
  assert.notEqual(limits.open('10.0.0.1'), undefined);
  assert.equal(limits.open('10.0.0.9'), undefined);
  assert.equal(limits.open('10.0.0.9'), undefined);
  assert.notEqual(limits.open('10.0.0.9'), undefined);
  assert.notEqual(limits.open('::1'), undefined);
  settings = { ...settings, maxConnectionsPerIp: 2, maxConnectionsPerIpOverrides: '' };
  assert.equal(limits.open('10.0.0.1'), undefined);
  assert.equal(limits.open('::1'), undefined);
});
