// TLS over accepted sockets, by Node's own TLS server, which here never listens itself: node-network.ts accepts, so that a
// connection is counted and limited from its first packet on, and hands the socket over. A TlsConnection exists before its
// handshake is done and delivers nothing until then.
import type { Socket } from 'node:net';
import { createServer, type SecureContextOptions, type TLSSocket } from 'node:tls';
import { NetworkError, type TlsPeer, type TlsTerms } from '../network.ts';

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
    createServer({
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

/** Two connections that are open at a time differ in one of these. */
function peerKey(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localPort}`;
}

function contextOptions(terms: TlsTerms): SecureContextOptions {
  const { identity, trusted, cipherSuites } = terms;
  return {
    ...('store' in identity
      ? { pfx: identity.store, passphrase: identity.password }
      : {
          key: identity.key,
          cert: identity.certificates,
          ...(identity.password !== undefined && { passphrase: identity.password }),
        }),
    ...(trusted.length > 0 && { ca: [...trusted] }),
    minVersion: terms.versionMin,
    maxVersion: terms.versionMax,
    ...(cipherSuites.length > 0 && { ciphers: cipherSuites.map(opensslName).join(':') }),
    honorCipherOrder: true,
  };
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
