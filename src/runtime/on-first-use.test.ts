import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onFirstUse } from './on-first-use.ts';

test('a package is loaded when it is first used, and only once', () => {
  const missing = onFirstUse('no-such-package');
  assert.throws(missing, { code: 'MODULE_NOT_FOUND' });
  const loaded = onFirstUse<typeof import('commander')>('commander');
  assert.equal(typeof loaded().Command, 'function');
  assert.equal(loaded(), loaded());
});
