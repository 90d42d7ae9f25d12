import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PrincipalMapping } from './principal-mapping.ts';

const NAME = 'CN=Duke,OU=ServiceUsers,O=Org,C=US';

function map(rules: string, name = NAME): string | undefined {
  return new PrincipalMapping(rules).nameOf(name);
}

test('the first rule that matches the whole name wins', () => {
  const rules = [
    'RULE:^CN=(.*?),OU=ServiceUsers.*$/$1/',
    'RULE:^CN=(.*?),OU=(.*?),O=(.*?),L=(.*?),ST=(.*?),C=(.*?)$/$1@$2/L',
    'RULE:^.*[Cc][Nn]=([a-zA-Z0-9.]*).*$/$1/U',
    'DEFAULT',
  ].join(', ');
  assert.equal(map(rules), 'Duke');
  assert.equal(map(rules, 'CN=duke,OU=SME,O=mycp,L=Fulton,ST=MD,C=US'), 'duke@sme');
  assert.equal(map(rules, 'cn=kafka.client,OU=ServiceUsers'), 'KAFKA.CLIENT');
  assert.equal(map(rules, 'OU=x'), 'OU=x');
});

test('a name that no rule matches is nobody', () => {
  assert.equal(map('RULE:^OU=(.*)$/$1/'), undefined);
  assert.equal(map('RULE:^CN=Duke$/x/'), undefined);
});

test('groups that do not exist stay as they are written', () => {
  assert.equal(map('RULE:^CN=(.*?),.*$/$1@$4/'), 'Duke@$4');
  assert.equal(map('RULE:^CN=(.*?),.*$/$12/'), 'Duke2');
});

test('slashes are written with a backslash', () => {
  assert.equal(map('RULE:^CN=(.*?)\\/(.*?),.*$/$1-$2/', 'CN=host\\/x,O=y'.replace('\\', '')), 'host-x');
});

test('what is no rule is refused', () => {
  for (const text of ['DEFAULT DEFAULT', 'RULE:^CN/', 'RULE:[/x/', 'nonsense']) {
    assert.throws(() => new PrincipalMapping(text), text);
  }
});

test('an expression that backtracks elsewhere takes linear time', () => {
  assert.equal(map('RULE:^(a+)+$/$1/', `${'a'.repeat(50_000)}b`), undefined);
});
