// TLS over accepted sockets, by Node's own TLS server, which here never listens itself: node-network.ts accepts, so that a
// connection is counted and limited from its first packet on, and hands the socket over. A TlsConnection exists before its
// handshake is done and delivers nothing until then.
import { isIP, type Socket } from 'node:net';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import { type ClientTls, NetworkError, type TlsPeer, type TlsTerms } from '../network.ts';
import { onFirstUse } from '../on-first-use.ts';

const tls = onFirstUse<typeof import('node:tls')>('node:tls');

export interface TlsAcceptor {
  /** Calls back once: with the secured socket, or not at all when the socket closes before. */
  accept(
    socket: Socket,
    onSecured: (secured: TLSSocket, peer: TlsPeer) => void,
    onFailed: (error: Error) => void,
  ): void;
  changeTls(terms: TlsTerms): void;
}

interface Waiting {
  readonly onSecured: (secured: TLSSocket, peer: TlsPeer) => void;
  readonly onFailed: (error: Error) => void;
}

/** Throws NetworkError when the terms cannot be used. */
export function tlsAcceptor(terms: TlsTerms): TlsAcceptor {
  const waiting = new Map<string, Waiting>();
  const mayHaveNone = terms.clientCertificate !== 'required';
  const server = usable(() =>
    tls().createServer({
      ...contextOptions(terms),
      requestCert: terms.clientCertificate !== 'none',
      rejectUnauthorized: !mayHaveNone,
      handshakeTimeout: terms.handshakeMsMax,
    }),
  );
  const take = (socket: Socket): Waiting | undefined => {
    const key = peerKey(socket);
    const found = waiting.get(key);
    waiting.delete(key);
    return found;
  };
  server.on('secureConnection', (socket) => {
    const found = take(socket);
    const certificate = socket.getPeerX509Certificate()?.raw;
    if (!found || (certificate && !socket.authorized)) {
      socket.destroy();
      found?.onFailed(new Error('the client certificate is not trusted'));
      return;
    }
    found.onSecured(socket, { certificate });
  });
  server.on('tlsClientError', (error, socket) => take(socket)?.onFailed(error));
  return {
    accept(socket, onSecured, onFailed) {
      const key = peerKey(socket);
      waiting.set(key, { onSecured, onFailed });
      socket.once('close', () => waiting.delete(key));
      server.emit('connection', socket);
    },
    changeTls: (changed) => usable(() => server.setSecureContext(contextOptions(changed))),
  };
}

/** The handshake of a client. Calls back once, with the secured socket or with why there is none. */
export function secure(
  socket: Socket,
  host: string,
  { identity, trusted, checksName }: ClientTls,
  onSecured: (secured: TLSSocket) => void,
  onFailed: (error: Error) => void,
): void {
  const secured = tls().connect({
    socket,
    ...(identity && identityOptions(identity)),
    ...(trusted.length > 0 && { ca: [...trusted] }),
    minVersion: 'TLSv1.2',
    // An address is no server name, but the certificate may hold it.
    ...(isIP(host) === 0 ? { servername: host } : { host }),
    ...(!checksName && { checkServerIdentity: () => undefined }),
  });
  secured.once('error', onFailed);
  secured.once('secureConnect', () => {
    secured.removeListener('error', onFailed);
    secured.on('error', () => {}); // until its connection listens
    onSecured(secured);
  });
}

/** Two connections that are open at a time differ in one of these. */
function peerKey(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localPort}`;
}

function contextOptions(terms: TlsTerms): SecureContextOptions {
  const { identity, trusted, cipherSuites } = terms;
  return {
    ...identityOptions(identity),
    ...(trusted.length > 0 && { ca: [...trusted] }),
    minVersion: terms.versionMin,
    maxVersion: terms.versionMax,
    ...(cipherSuites.length > 0 && { ciphers: cipherSuites.map(opensslName).join(':') }),
    honorCipherOrder: true,
  };
}

function identityOptions(identity: TlsTerms['identity']): SecureContextOptions {
  if ('store' in identity) return { pfx: identity.store, passphrase: identity.password };
  const { key, certificates: cert, password } = identity;
  return { key, cert, ...(password !== undefined && { passphrase: password }) };
}

/** `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` → `ECDHE-RSA-AES128-GCM-SHA256`; the names of TLS 1.3 are the same everywhere. */
function opensslName(suite: string): string {
  const parts = /^TLS_(.+)_WITH_(.+)$/.exec(suite);
  if (!parts) return suite;
  return `${parts[1]}-${parts[2]}`
    .replaceAll('_', '-')
    .replace(/AES-(128|256)/, 'AES$1')
    .replace(/-POLY1305-SHA256$/, '-POLY1305');
}

function usable<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new NetworkError('TLS', `key or certificate cannot be used (${(error as Error).message})`, error);
  }
}
