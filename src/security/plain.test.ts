import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseJaas, plainUsers } from './jaas.ts';
import { PlainServer } from './plain.ts';

const users = new Map([
  ['alice', 'alice-secret'],
  ['empty', ''],
]);
const login = (text: string) => new PlainServer(users).evaluate(Buffer.from(text));

test('the right password logs in', () => {
  for (const text of ['\0alice\0alice-secret', 'alice\0alice\0alice-secret']) {
    const step = login(text);
    assert.equal(step.kind, 'done');
    assert.deepEqual(step.kind === 'done' && step.identity.principal, { type: 'User', name: 'alice' });
  }
});

test('a wrong password and an unknown user get the same sentence', () => {
  const sentences = ['\0alice\0wrong', '\0nobody\0wrong', '\0empty\0x'].map((text) => {
    const step = login(text);
    return step.kind === 'failed' ? step.message : step.kind;
  });
  assert.deepEqual(new Set(sentences), new Set(['Authentication failed: Invalid username or password']));
});

test('missing parts and another authorization id are refused', () => {
  for (const text of ['', 'alice', '\0\0x', '\0alice\0', 'bob\0alice\0alice-secret', 'a\0b\0c\0d']) {
    assert.equal(login(text).kind, 'failed');
  }
});

test('a token of other than three parts is told so, and nothing of what it holds', () => {
  const wordsFor = (text: string) => {
    const step = login(text);
    return step.kind === 'failed' ? step.message : step.kind;
  };
  assert.equal(wordsFor('alice'), 'Invalid SASL/PLAIN response: expected 3 tokens, got 1');
  assert.equal(wordsFor('a\0b\0c\0d\0e'), 'Invalid SASL/PLAIN response: expected 3 tokens, got 4');
});

test('a JAAS text names modules with options, quoted or not', () => {
  const entries = parseJaas(`
    org.apache.kafka.common.security.plain.PlainLoginModule required
      username="admin" user_alice="a;\\"b\\" c" user_bob=simple;
    other.Module REQUIRED x='1';`);
  assert.equal(entries.length, 2);
  assert.deepEqual(
    [...plainUsers(entries[0]!)],
    [
      ['alice', 'a;"b" c'],
      ['bob', 'simple'],
    ],
  );
  assert.equal(entries[1]?.options.get('x'), '1');
});

test('a JAAS text that makes no sense is refused without showing what it holds', () => {
  for (const text of [
    'Module',
    'Module required',
    'Module required user_a="secret',
    'Module required user_a "secret";',
    '; required;',
  ]) {
    assert.throws(
      () => parseJaas(text),
      (error: Error) => !error.message.includes('secret'),
    );
  }
});
