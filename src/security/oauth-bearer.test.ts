import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { type JwtRules, JwtValidator } from './jwt-validator.ts';
import { OAuthBearerServer } from './oauth-bearer.ts';

const NOW_MS = Date.UTC(2026, 5, 1);
const NOW = NOW_MS / 1000;
let clockMs = 0;
let privateKey: CryptoKey;
let published: JWK[] = [];
let fetches = 0;

before(async () => {
  const pair = await generateKeyPair('RS256');
  privateKey = pair.privateKey;
  published = [{ ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'RS256' }];
});

function validator(rules: Partial<JwtRules> = {}): JwtValidator {
  return new JwtValidator({
    rules: {
      issuer: 'https://issuer',
      audiences: ['kafka'],
      clockSkewSeconds: 30,
      scopeClaimName: 'scope',
      subjectClaimName: 'sub',
      requiredScopes: ['produce'],
      ...rules,
    },
    async fetchKeys() {
      fetches++;
      return JSON.stringify({ keys: published });
    },
    clock: { nowMs: () => NOW_MS, monotonicMs: () => clockMs },
    refreshMs: 60_000,
    retryMs: 100,
  });
}

const CLAIMS = {
  iss: 'https://issuer',
  aud: 'kafka',
  sub: 'alice',
  iat: NOW - 10,
  exp: NOW + 60,
  scope: 'produce consume',
};

function sign(claims: Record<string, unknown>, kid = 'one', key: CryptoKey = privateKey): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid }).sign(key);
}

test('a token that keeps all rules names its subject and its end', async () => {
  assert.deepEqual(await validator().check(await sign(CLAIMS)), { subject: 'alice', expiresAtMs: (NOW + 60) * 1000 });
});

test('a token that breaks one rule is refused', async () => {
  const other = (await generateKeyPair('RS256')).privateKey;
  const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify(CLAIMS)).toString('base64url')}.`;
  const broken = [
    await sign({ ...CLAIMS, iss: 'https://other' }),
    await sign({ ...CLAIMS, aud: 'other' }),
    await sign({ ...CLAIMS, exp: NOW - 31 }),
    await sign({ ...CLAIMS, nbf: NOW + 60 }),
    await sign({ ...CLAIMS, scope: 'consume' }),
    await sign({ ...CLAIMS, scope: [''] }),
    await sign({ ...CLAIMS, sub: ' ' }),
    await sign({ ...CLAIMS, exp: undefined }),
    await sign({ ...CLAIMS, iat: undefined }),
    await sign(CLAIMS, 'one', other),
    await sign(CLAIMS, 'unknown'),
    unsigned,
    'no token',
  ];
  for (const [index, token] of broken.entries()) {
    const checked = await validator().check(token);
    assert.ok('objection' in checked, `token ${index}`);
    assert.ok(!checked.objection.includes(token));
  }
});

test('a clock that differs by less than the skew is forgiven', async () => {
  assert.ok('subject' in (await validator().check(await sign({ ...CLAIMS, exp: NOW - 29 }))));
});

test('an unknown key is looked up again, but not with every token', async () => {
  const checker = validator();
  await checker.check(await sign(CLAIMS));
  fetches = 0;
  const pair = await generateKeyPair('RS256');
  published = [...published, { ...(await exportJWK(pair.publicKey)), kid: 'two', alg: 'RS256' }];
  const token = await sign(CLAIMS, 'two', pair.privateKey);
  assert.ok('objection' in (await checker.check(token)), 'within the pause');
  assert.equal(fetches, 0);
  clockMs += 100;
  assert.ok('subject' in (await checker.check(token)));
  assert.equal(fetches, 1);
});

test('the login answers a bad token with a status, then refuses', async () => {
  const login = new OAuthBearerServer(async () => ({ objection: 'expired' }));
  const first = await login.evaluate(Buffer.from('n,,\x01auth=Bearer abc\x01\x01'));
  assert.equal(first.kind === 'challenge' && first.token.toString(), '{"status":"invalid_token"}');
  const second = await login.evaluate(Buffer.from('\x01'));
  assert.equal(second.kind === 'failed' && second.message, 'expired');
});

test('the login takes a token with extensions, and no other user', async () => {
  const check = async () => ({ subject: 'alice', expiresAtMs: 5 });
  const evaluate = (text: string) => new OAuthBearerServer(check).evaluate(Buffer.from(text, 'latin1'));
  const done = await evaluate('n,a=alice,\x01auth=Bearer abc.def\x01traceId=1\x01\x01');
  assert.deepEqual(done.kind === 'done' && done.identity, {
    principal: { type: 'User', name: 'alice' },
    expiresAtMs: 5,
  });
  for (const text of [
    'n,a=bob,\x01auth=Bearer x\x01\x01',
    'n,,\x01auth=Basic x\x01\x01',
    'n,,\x01\x01',
    '',
    '\x01'.repeat(100),
  ]) {
    assert.equal((await evaluate(text)).kind, 'failed');
  }
});
