// The certificates of a PKCS#12 trust store (RFC 7292) as Java's keytool and OpenSSL 3 write it: node:tls reads only stores
// that hold a private key. Encrypted parts must be PBES2 (PBKDF2 and AES-CBC); what older programs wrote (RC2, triple DES) is
// refused. The store's MAC is not checked: a wrong password shows at decryption, and who can change the file can as
// well replace it.
import { createDecipheriv, pbkdf2Sync } from 'node:crypto';
import { child, type Der, DerError, DerTag, derChildren, objectId, readDer } from './der.ts';

const DATA = '1.2.840.113549.1.7.1';
const ENCRYPTED_DATA = '1.2.840.113549.1.7.6';
const CERT_BAG = '1.2.840.113549.1.12.10.1.3';
const PBES2 = '1.2.840.113549.1.5.13';
const PBKDF2 = '1.2.840.113549.1.5.12';
const CIPHERS: Readonly<Record<string, { name: string; keyBytes: number }>> = {
  '2.16.840.1.101.3.4.1.2': { name: 'aes-128-cbc', keyBytes: 16 },
  '2.16.840.1.101.3.4.1.22': { name: 'aes-192-cbc', keyBytes: 24 },
  '2.16.840.1.101.3.4.1.42': { name: 'aes-256-cbc', keyBytes: 32 },
};
const DIGESTS: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
};
const ITERATIONS_MAX = 10_000_000;

/** As PEM texts. Throws DerError with a sentence. */
export function pkcs12Certificates(store: Buffer, password: string): string[] {
  const authSafe = child(readDer(store), 1);
  const contents = readDer(octets(explicit(authSafe)));
  return derChildren(contents).flatMap((content) => certificatesIn(plainContent(content, password)));
}

function plainContent(contentInfo: Der, password: string): Der {
  switch (objectId(child(contentInfo, 0))) {
    case DATA:
      return readDer(octets(explicit(contentInfo)));
    case ENCRYPTED_DATA:
      return readDer(decrypt(child(explicit(contentInfo), 1), password));
    default:
      throw new DerError('a part of the store is of an unknown kind');
  }
}

/** The element inside `[0]`, the second of a ContentInfo. */
function explicit(contentInfo: Der): Der {
  return child(child(contentInfo, 1), 0);
}

function octets({ tag, content }: Der): Buffer {
  if (tag !== DerTag.OCTET_STRING) throw new DerError('bytes were expected');
  return content;
}

function decrypt(encryptedContentInfo: Der, password: string): Buffer {
  const [, algorithm, encrypted] = derChildren(encryptedContentInfo);
  if (!algorithm || !encrypted) throw new DerError('an element is missing');
  if (objectId(child(algorithm, 0)) !== PBES2) {
    throw new DerError('the store is encrypted in an outdated way; write it again with a current keytool or OpenSSL');
  }
  const [derivation, scheme] = derChildren(child(algorithm, 1));
  const cipher = CIPHERS[objectId(child(scheme!, 0))];
  if (!cipher || objectId(child(derivation!, 0)) !== PBKDF2) throw new DerError('the cipher of the store is not known');
  const key = deriveKey(child(derivation!, 1), password, cipher.keyBytes);
  try {
    const decipher = createDecipheriv(cipher.name, key, octets(child(scheme!, 1)));
    return Buffer.concat([decipher.update(encrypted.content), decipher.final()]);
  } catch {
    throw new DerError('the password is wrong');
  }
}

function deriveKey(parameters: Der, password: string, keyBytes: number): Buffer {
  const [salt, iterations, ...rest] = derChildren(parameters);
  const count = iterations?.tag === DerTag.INTEGER ? smallInteger(iterations.content) : 0;
  if (!salt || count < 1 || count > ITERATIONS_MAX)
    throw new DerError('the key derivation of the store cannot be read');
  const prf = rest.find(({ tag }) => tag === DerTag.SEQUENCE);
  const digest = prf ? DIGESTS[objectId(child(prf, 0))] : 'sha1';
  if (digest === undefined) throw new DerError('the digest of the store is not known');
  return pbkdf2Sync(password, octets(salt), count, keyBytes, digest);
}

function smallInteger(bytes: Buffer): number {
  return bytes.length > 0 && bytes.length <= 6 ? bytes.readUIntBE(0, bytes.length) : 0;
}

function certificatesIn(bags: Der): string[] {
  return derChildren(bags)
    .filter((bag) => objectId(child(bag, 0)) === CERT_BAG)
    .map((bag) => {
      const certificate = octets(child(child(child(child(bag, 1), 0), 1), 0));
      const base64 = certificate.toString('base64').replace(/.{64}/g, '$&\n').trimEnd();
      return `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`;
    });
}
