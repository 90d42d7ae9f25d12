import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { repositoryPath } from '../../test/repository.ts';
import { DerError } from './der.ts';
import { subjectOf } from './distinguished-name.ts';
import { pkcs12Certificates } from './pkcs12-certificates.ts';

const pem = readFileSync(repositoryPath('test', 'golden', 'tls', 'odd-name.pem'), 'utf8');
const store = readFileSync(repositoryPath('test', 'golden', 'tls', 'trust-java17.p12'));
const certificate = new X509Certificate(pem).raw;

test('a subject is written as Java writes it', () => {
  // What X500Principal.getName() of Java 17 printed for this certificate.
  assert.equal(
    subjectOf(certificate),
    'CN=\\ lead \\#1\\ ,UID=u1,DC=ex,1.2.840.113549.1.9.1=#16056140622e63,O=Org \\"x\\"\\ ,L=Łódź,ST=Ma\\, zo,C=PL',
  );
});

test('the certificates of a trust store of Java come out as they went in', () => {
  assert.deepEqual(
    pkcs12Certificates(store, 'secret1').map((text) => text.trim()),
    [pem.trim()],
  );
});

test('a wrong password is said to be wrong', () => {
  assert.throws(() => pkcs12Certificates(store, 'other'), /the password is wrong/);
});

test('damaged bytes end in a DerError or in something readable, never elsewhere', () => {
  const damaged = (bytes: Buffer, read: (bytes: Buffer) => unknown) =>
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.boolean(), (at, value, cut) => {
        const changed = Buffer.from(cut ? bytes.subarray(0, at) : bytes);
        if (!cut) changed[at] = value;
        try {
          read(changed);
        } catch (error) {
          assert.ok(error instanceof DerError, String(error));
        }
      }),
    );
  damaged(certificate, subjectOf);
  damaged(store.subarray(0, 200), (bytes) => pkcs12Certificates(bytes, 'secret1'));
});
