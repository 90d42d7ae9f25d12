// TLS settings and the files they name → what a listener speaks TLS with. Files are read again whenever somebody asks; the
// fingerprint says whether anything changed.
import { createHash, X509Certificate } from 'node:crypto';
import type { TlsTerms } from '../runtime/network.ts';
import { pkcs12Certificates } from './pkcs12-certificates.ts';
import type { TlsSettings } from './security-settings.ts';

export interface LoadedTls {
  readonly terms: TlsTerms;
  /** Of everything that was read; the same while nothing changed. */
  readonly fingerprint: string;
}

/** A sentence for the operator; never holds what the files hold. */
export class TlsError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'TlsError';
  }
}

type ReadFile = (path: string) => Promise<Buffer>;

/** Throws TlsError. */
export async function loadTls(settings: TlsSettings, handshakeMsMax: number, readFile: ReadFile): Promise<LoadedTls> {
  const digest = createHash('sha256');
  const read: ReadFile = async (path) => {
    const bytes = await readFile(path).catch((error: unknown) => {
      throw new TlsError(`the file ${path} cannot be read (${(error as { code?: string }).code ?? 'error'})`, error);
    });
    digest.update(bytes);
    return bytes;
  };
  const identity = await loadIdentity(settings.keyStore, read);
  const trusted = await loadTrusted(settings.trustStore, read);
  const { clientCertificate, versionMin, versionMax, cipherSuites } = settings;
  return {
    terms: { identity, trusted, clientCertificate, versionMin, versionMax, cipherSuites, handshakeMsMax },
    fingerprint: digest.digest('hex'),
  };
}

export async function loadIdentity(store: TlsSettings['keyStore'], read: ReadFile): Promise<TlsTerms['identity']> {
  if (store.kind === 'texts') {
    return { key: store.key, certificates: store.certificates, password: store.keyPassword ?? undefined };
  }
  const bytes = await read(store.path);
  if (store.type === 'PKCS12') return { store: bytes, password: store.password ?? '' };
  const text = bytes.toString('utf8');
  const keys = pemBlocks(text, /PRIVATE KEY/);
  const certificates = pemBlocks(text, /^CERTIFICATE$/);
  if (keys.length !== 1 || certificates.length === 0) {
    throw new TlsError(
      `the file ${store.path} holds ${keys.length} private keys and ${certificates.length} certificates; it needs one key and its chain`,
    );
  }
  return {
    key: keys[0]!,
    certificates: certificates.join('\n'),
    password: store.keyPassword ?? store.password ?? undefined,
  };
}

export async function loadTrusted(store: TlsSettings['trustStore'], read: ReadFile): Promise<readonly string[]> {
  if (store === null) return [];
  const trusted =
    store.kind === 'texts'
      ? pemBlocks(store.certificates, /^CERTIFICATE$/)
      : await trustedInFile(store.path, store.type, store.password, read);
  const where = store.kind === 'texts' ? 'ssl.truststore.certificates' : `the file ${store.path}`;
  if (trusted.length === 0) throw new TlsError(`${where} holds no certificate`);
  for (const text of trusted) {
    try {
      new X509Certificate(text);
    } catch (error) {
      throw new TlsError(`${where} holds a certificate that cannot be read`, error);
    }
  }
  return trusted;
}

async function trustedInFile(
  path: string,
  type: 'PEM' | 'PKCS12',
  password: string | null,
  read: ReadFile,
): Promise<readonly string[]> {
  const bytes = await read(path);
  if (type === 'PEM') return pemBlocks(bytes.toString('utf8'), /^CERTIFICATE$/);
  try {
    return pkcs12Certificates(bytes, password ?? '');
  } catch (error) {
    throw new TlsError(`the file ${path} cannot be read: ${(error as Error).message}`, error);
  }
}

function pemBlocks(text: string, kind: RegExp): string[] {
  const blocks = text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g);
  return [...blocks].filter((block) => kind.test(block[1]!)).map((block) => block[0]);
}
