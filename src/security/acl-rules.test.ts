import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Acl } from '../metadata/image.ts';
import { AclOperation as Op, PatternType, Permission, ResourceType } from '../protocol/acl-codes.ts';
import { AclRules, type Verdict } from './acl-rules.ts';

let made = 0;

function acl(changes: Partial<Acl> = {}): Acl {
  return {
    id: String(made++),
    resourceType: ResourceType.TOPIC,
    resourceName: 'orders',
    patternType: PatternType.LITERAL,
    principal: 'User:alice',
    host: '*',
    operation: Op.READ,
    permission: Permission.ALLOW,
    ...changes,
  };
}

function ask(
  acls: Acl[],
  operation: number = Op.READ,
  name = 'orders',
  who = 'User:alice',
  host = '10.0.0.1',
): Verdict {
  return new AclRules(acls).verdict(who, host, operation, ResourceType.TOPIC, name);
}

test('an entry allows what it says to whom it says', () => {
  assert.equal(ask([acl()]), 'allowed');
  assert.equal(ask([acl()], Op.WRITE), 'denied');
  assert.equal(ask([acl()], Op.READ, 'other'), 'no-acl');
  assert.equal(ask([acl()], Op.READ, 'orders', 'User:bob'), 'denied');
  assert.equal(ask([acl({ principal: 'User:*' })], Op.READ, 'orders', 'User:bob'), 'allowed');
  assert.equal(ask([acl({ operation: Op.ALL })], Op.ALTER_CONFIGS), 'allowed');
  assert.equal(new AclRules([acl()]).verdict('User:alice', '', Op.READ, ResourceType.GROUP, 'orders'), 'no-acl');
});

test('an entry for a host speaks about that host alone', () => {
  assert.equal(ask([acl({ host: '10.0.0.1' })]), 'allowed');
  assert.equal(ask([acl({ host: '10.0.0.2' })]), 'denied');
});

test('patterns are literal, everything, or a prefix', () => {
  assert.equal(ask([acl({ resourceName: '*' })], Op.READ, 'anything'), 'allowed');
  const prefixed = acl({ resourceName: 'ord', patternType: PatternType.PREFIXED });
  assert.equal(ask([prefixed]), 'allowed');
  assert.equal(ask([prefixed], Op.READ, 'or'), 'no-acl');
  assert.equal(ask([acl({ resourceName: '*', patternType: PatternType.PREFIXED })], Op.READ, 'x'), 'no-acl');
  assert.equal(ask([acl({ resourceName: 'ord' })]), 'no-acl');
});

test('deny wins over allow, whatever their patterns', () => {
  const deny = { permission: Permission.DENY };
  for (const denial of [
    acl(deny),
    acl({ ...deny, resourceName: '*' }),
    acl({ ...deny, resourceName: 'o', patternType: PatternType.PREFIXED }),
    acl({ ...deny, operation: Op.ALL, principal: 'User:*' }),
  ]) {
    assert.equal(ask([acl(), denial]), 'denied');
    assert.equal(ask([denial, acl()]), 'denied');
  }
});

test('being allowed something implies seeing it, being denied it does not', () => {
  for (const operation of [Op.READ, Op.WRITE, Op.DELETE, Op.ALTER]) {
    assert.equal(ask([acl({ operation })], Op.DESCRIBE), 'allowed');
    const deniedAndSeen = [acl({ operation, permission: Permission.DENY }), acl({ operation: Op.DESCRIBE })];
    assert.equal(ask(deniedAndSeen, Op.DESCRIBE), 'allowed');
  }
  assert.equal(ask([acl({ operation: Op.CREATE })], Op.DESCRIBE), 'denied');
  assert.equal(ask([acl({ operation: Op.ALTER_CONFIGS })], Op.DESCRIBE_CONFIGS), 'allowed');
});

test('some resource is allowed when an allowed pattern is not covered by a denied one', () => {
  const some = (...acls: Acl[]) => new AclRules(acls).allowsSome('User:alice', 'h', Op.WRITE, ResourceType.TOPIC);
  const allow = (name: string, patternType: number = PatternType.LITERAL) =>
    acl({ resourceName: name, patternType, operation: Op.WRITE });
  const deny = (name: string, patternType: number = PatternType.LITERAL) => ({
    ...allow(name, patternType),
    permission: Permission.DENY,
  });
  assert.equal(some(), false);
  assert.equal(some(allow('a')), true);
  assert.equal(some(allow('a'), deny('a')), false);
  assert.equal(some(allow('ab'), deny('a', PatternType.PREFIXED)), false);
  assert.equal(some(allow('a', PatternType.PREFIXED), deny('ab', PatternType.PREFIXED)), true);
  assert.equal(some(allow('a', PatternType.PREFIXED), deny('a')), true);
  assert.equal(some(allow('*'), deny('*')), false);
  assert.equal(some(allow('*'), deny('a')), true);
});

test('the index says what looking at every entry would say', () => {
  const names = fc.constantFrom('a', 'ab', 'abc', 'b', '*');
  const acls = fc.array(
    fc.record({
      resourceName: names,
      patternType: fc.constantFrom(PatternType.LITERAL, PatternType.PREFIXED),
      principal: fc.constantFrom('User:alice', 'User:bob', 'User:*'),
      host: fc.constantFrom('*', 'h1', 'h2'),
      operation: fc.constantFrom(Op.READ, Op.WRITE, Op.ALL, Op.DESCRIBE),
      permission: fc.constantFrom(Permission.ALLOW, Permission.DENY),
    }),
    { maxLength: 6 },
  );
  const questions = fc.tuple(names, fc.constantFrom(Op.READ, Op.WRITE, Op.DESCRIBE));
  fc.assert(
    fc.property(acls, questions, (changes, [name, operation]) => {
      const all = changes.map((each) => acl(each as Partial<Acl>));
      assert.equal(ask(all, operation, name, 'User:alice', 'h1'), verdictOf(all, name, operation));
    }),
  );
});

/** The rules once more, entry by entry. */
function verdictOf(acls: Acl[], name: string, operation: number): Verdict {
  const named = acls.filter((each) =>
    each.patternType === PatternType.PREFIXED
      ? name.startsWith(each.resourceName)
      : each.resourceName === name || each.resourceName === '*',
  );
  const mine = named.filter(({ principal, host }) => principal !== 'User:bob' && host !== 'h2');
  const is = (each: Acl) => each.operation === operation || each.operation === Op.ALL;
  if (mine.some((each) => each.permission === Permission.DENY && is(each))) return 'denied';
  const seen = (each: Acl) => operation === Op.DESCRIBE && (each.operation === Op.READ || each.operation === Op.WRITE);
  if (mine.some((each) => each.permission === Permission.ALLOW && (is(each) || seen(each)))) return 'allowed';
  return named.length > 0 ? 'denied' : 'no-acl';
}
