// A client of a listener with TLS or a login, as small as can be: requests one after the other, the next when the one before is
// answered. For tests, which also say what no right client says.
import assert from 'node:assert/strict';
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect as connectPlain, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import {
  type Api,
  decodeResponse,
  decodeResponseHeader,
  encodeRequestFrame,
  type RequestInputOf,
  type ResponseOf,
} from '../src/protocol/api.ts';
import { saslAuthenticate } from '../src/protocol/messages/sasl-authenticate.ts';
import { saslHandshake } from '../src/protocol/messages/sasl-handshake.ts';
import { repositoryPath } from './repository.ts';

export const tlsFile = (name: string) => repositoryPath('test', 'golden', 'tls', name);

/** `pem` is the client's own key and certificate. */
export function trusting(ca: string, pem?: string): ConnectionOptions {
  const own = pem === undefined ? undefined : readFileSync(tlsFile(pem), 'utf8');
  return {
    ca: readFileSync(tlsFile(ca)),
    host: '127.0.0.1',
    servername: 'localhost',
    ...(own && { key: own, cert: own }),
  };
}

export class SecureClient {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #waiting: (() => void)[] = [];
  #closed = false;
  #nextId = 1;
  clientId = 'secure-client';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  /** Rejects when the handshake fails. */
  static connect(port: number, tls?: ConnectionOptions): Promise<SecureClient> {
    return new Promise((resolve, reject) => {
      const socket: Socket = tls ? connectTls({ ...tls, port }) : connectPlain(port, '127.0.0.1');
      socket.once('error', reject);
      socket.once(tls ? 'secureConnect' : 'connect', () => resolve(new SecureClient(socket)));
    });
  }

  /** Rejects when the connection closes before the answer. */
  async call<A extends Api>(api: A, version: number, request: RequestInputOf<A>): Promise<ResponseOf<A>> {
    const id = this.#nextId++;
    this.#socket.write(Buffer.concat(encodeRequestFrame(api, version, id, this.clientId, request)));
    const frame = await this.#frame();
    const header = decodeResponseHeader(api, version, frame);
    assert.equal(header.correlationId, id);
    return decodeResponse(api, version, frame, header.bodyOffset) as ResponseOf<A>;
  }

  /** A frame without Kafka's headers. */
  async raw(token: Buffer): Promise<Buffer> {
    const size = Buffer.alloc(4);
    size.writeInt32BE(token.length);
    this.#socket.write(Buffer.concat([size, token]));
    return this.#frame();
  }

  async plain(user: string, password: string): Promise<ResponseOf<typeof saslAuthenticate>> {
    const { errorCode } = await this.call(saslHandshake, 1, { mechanism: 'PLAIN' });
    assert.equal(errorCode, 0);
    return this.call(saslAuthenticate, 2, { authBytes: Buffer.from(`\0${user}\0${password}`) });
  }

  async scram(
    mechanism: string,
    user: string,
    password: string,
    extension = '',
  ): Promise<ResponseOf<typeof saslAuthenticate>> {
    const { errorCode } = await this.call(saslHandshake, 1, { mechanism });
    assert.equal(errorCode, 0);
    const bare = `n=${user},r=nonce${extension}`;
    const first = await this.call(saslAuthenticate, 2, { authBytes: Buffer.from(`n,,${bare}`) });
    if (first.errorCode !== 0) return first;
    const challenge = first.authBytes.toString();
    const [, nonce, salt, iterations] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(challenge)!;
    const digest = mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512';
    const length = digest === 'sha256' ? 32 : 64;
    const salted = pbkdf2Sync(password, Buffer.from(salt!, 'base64'), Number(iterations), length, digest);
    const mac = (key: Buffer, text: string) => createHmac(digest, key).update(text).digest();
    const clientKey = mac(salted, 'Client Key');
    const final = `c=biws,r=${nonce}`;
    const signature = mac(createHash(digest).update(clientKey).digest(), `${bare},${challenge},${final}`);
    const proof = Buffer.from(clientKey.map((byte, index) => byte ^ signature[index]!)).toString('base64');
    return this.call(saslAuthenticate, 2, { authBytes: Buffer.from(`${final},p=${proof}`) });
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Resolves when the other side has closed. */
  async closed(): Promise<void> {
    while (!this.#closed) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  end(): void {
    this.#socket.destroy();
  }

  async #frame(): Promise<Buffer> {
    for (;;) {
      const bytes = this.#received;
      if (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) {
        const end = 4 + bytes.readInt32BE(0);
        this.#received = bytes.subarray(end);
        return bytes.subarray(4, end);
      }
      if (this.#closed) throw new Error('the connection was closed');
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
