// One connection to one broker: requests are pipelined and answered in order. Its first request is ApiVersions, and every
// request goes out at the newest version both sides speak. A request that gets no answer in time breaks the connection,
// because the answers behind it could not be told apart from silence. Invariant: every request settles exactly once.
import { type Api, decodeResponse, decodeResponseHeader, encodeRequestFrame } from '../protocol/api.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { FrameAssembler } from '../protocol/frame-assembler.ts';
import { apiVersions } from '../protocol/messages/api-versions.ts';
import type { ClientTls, Connection, Receiver } from '../runtime/network.ts';
import type { Runtime, Timer } from '../runtime/runtime.ts';
import type { Address } from './bootstrap-servers.ts';
import { ClientError } from './client-error.ts';
import { type Login, logIn } from './sasl-login.ts';

export type ClientRuntime = Pick<Runtime, 'clock' | 'timers' | 'random' | 'network'>;

export interface ConnectionOptions {
  readonly clientId: string;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** Requests sent and not yet answered; more wait here. */
  readonly inFlightRequestsMax: number;
  readonly responseBytesMax: number;
  readonly security?: ClientSecurity;
}

/** How the client proves who it is, and that the broker is who it should be; empty: it does not. */
export interface ClientSecurity {
  readonly tls?: ClientTls;
  readonly login?: Login;
}

export interface ApiRange {
  readonly minVersion: number;
  readonly maxVersion: number;
}

export interface ConnectionRequestOptions {
  readonly timeoutMs?: number;
  /** Not above this version, although the broker has newer ones. */
  readonly maxVersion?: number;
  /** Goes out while everything else waits for the login. */
  readonly isLogin?: boolean;
  /** The broker answers nothing (Produce with acks=0): resolves with undefined when the request was handed to the socket. */
  readonly noResponse?: boolean;
}

interface Pending {
  readonly api: Api;
  readonly version: number;
  readonly correlationId: number;
  readonly frame: readonly Buffer[];
  readonly timeoutMs: number;
  readonly noResponse: boolean;
  readonly isLogin: boolean;
  readonly resolve: (response: unknown) => void;
  readonly reject: (error: Error) => void;
  timer: Timer | undefined;
}

/** Requests waiting behind those in flight; beyond this many the caller is out of control. */
const WAITING_REQUESTS_MAX = 10_000;
const SOFTWARE_NAME = 'ottla';
/** The share of a session after which the client logs in again. */
const LOGIN_AGAIN_AT = 0.85;

export class BrokerConnection implements Receiver {
  readonly address: Address;
  readonly #runtime: ClientRuntime;
  readonly #options: ConnectionOptions;
  readonly #connection: Connection;
  readonly #assembler: FrameAssembler;
  readonly #inFlight: Pending[] = [];
  readonly #waiting: Pending[] = [];
  /** Handed to the socket; nothing will answer them. */
  readonly #unanswered = new Set<Pending>();
  readonly #onClosed: (connection: BrokerConnection) => void;
  #versions: ReadonlyMap<number, ApiRange> = new Map();
  #finalizedFeatures: ReadonlyMap<string, number> = new Map();
  #nextCorrelationId = 0;
  #loggingIn = false;
  #loginTimer: Timer | undefined;
  #failure: ClientError | undefined;

  /** Connects and learns what the broker speaks. Rejects with ClientError DISCONNECTED, TIMED_OUT or a Kafka error. */
  static async open(
    runtime: ClientRuntime,
    address: Address,
    options: ConnectionOptions,
    onClosed: (connection: BrokerConnection) => void = () => {},
  ): Promise<BrokerConnection> {
    const { tls, login } = options.security ?? {};
    const socket = await runtime.network
      .connect({ ...address, timeoutMs: options.connectTimeoutMs, ...(tls && { tls }) })
      .catch((error: Error) => {
        throw new ClientError('DISCONNECTED', error.message, error);
      });
    const connection = new BrokerConnection(runtime, address, options, socket, onClosed);
    try {
      await connection.#learnVersions();
      if (login) await connection.#logIn(login);
    } catch (error) {
      connection.close();
      throw error;
    }
    return connection;
  }

  private constructor(
    runtime: ClientRuntime,
    address: Address,
    options: ConnectionOptions,
    connection: Connection,
    onClosed: (connection: BrokerConnection) => void,
  ) {
    this.address = address;
    this.#runtime = runtime;
    this.#options = options;
    this.#connection = connection;
    this.#onClosed = onClosed;
    this.#assembler = new FrameAssembler(options.responseBytesMax);
    connection.start(this);
  }

  get isOpen(): boolean {
    return this.#failure === undefined;
  }

  /** What the broker says it speaks, by API key. */
  get versions(): ReadonlyMap<number, ApiRange> {
    return this.#versions;
  }

  /** Features in force in the cluster, by name, with their levels. */
  get finalizedFeatures(): ReadonlyMap<string, number> {
    return this.#finalizedFeatures;
  }

  /** The version a request would go out at; throws UNSUPPORTED_VERSION when there is none. */
  versionOf(api: Pick<Api, 'key' | 'name' | 'minVersion' | 'maxVersion'>, maxVersion = api.maxVersion): number {
    const range = this.#versions.get(api.key);
    const version = Math.min(maxVersion, api.maxVersion, range?.maxVersion ?? -1);
    if (range === undefined || version < Math.max(range.minVersion, api.minVersion)) {
      const theirs = range ? `versions ${range.minVersion} to ${range.maxVersion}` : 'none';
      throw new ClientError(
        ErrorCode.UNSUPPORTED_VERSION,
        `the broker does not speak ${api.name} as this client does (it has ${theirs})`,
      );
    }
    return version;
  }

  request<Response, Input>(
    api: Api<unknown, Response, Input>,
    body: NoInfer<Input>,
    options: ConnectionRequestOptions = {},
  ): Promise<Response> {
    return this.#request(api, () => this.versionOf(api, options.maxVersion), body, options);
  }

  close(): void {
    this.#fail(new ClientError('CLOSED', 'the connection was closed'));
  }

  // --- Receiver ---

  buffer(): Uint8Array {
    return this.#assembler.buffer();
  }

  received(count: number): void {
    this.#assembler.received(count);
    try {
      for (let frame = this.#assembler.next(); frame !== undefined; frame = this.#assembler.next()) {
        this.#answer(frame);
      }
    } catch (error) {
      this.#fail(new ClientError('BAD_RESPONSE', (error as Error).message, error));
    }
  }

  closed(error?: Error): void {
    const { host, port } = this.address;
    const why = error ? `: ${error.message}` : '';
    this.#fail(new ClientError('DISCONNECTED', `the connection to ${host}:${port} was closed${why}`, error));
  }

  // --- the rest, in order of use ---

  async #learnVersions(): Promise<void> {
    const body = { clientSoftwareName: SOFTWARE_NAME, clientSoftwareVersion: '0' };
    let response = await this.#request(apiVersions, () => apiVersions.maxVersion, body, {});
    if (response.errorCode === ErrorCode.UNSUPPORTED_VERSION) {
      // An older broker: its answer has version 0 and says what it speaks.
      const range = response.apiKeys.find((entry) => entry.apiKey === apiVersions.key);
      const version = Math.min(range?.maxVersion ?? 0, apiVersions.maxVersion);
      response = await this.#request(apiVersions, () => version, body, {});
    }
    if (response.errorCode !== ErrorCode.NONE) {
      throw new ClientError(response.errorCode, 'the broker refused to say which versions it speaks');
    }
    this.#versions = new Map(
      response.apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, { minVersion, maxVersion }]),
    );
    this.#finalizedFeatures = new Map(
      response.finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel]),
    );
  }

  /** And again before the session ends (KIP-368). */
  async #logIn(login: Login): Promise<void> {
    this.#loggingIn = true;
    const lifetimeMs = await logIn(login, this.#runtime.random, (api, body) =>
      this.request(api, body, { isLogin: true }),
    );
    this.#loggingIn = false;
    this.#sendWaiting();
    if (lifetimeMs <= 0 || !this.isOpen) return;
    this.#loginTimer = this.#runtime.timers.set(lifetimeMs * LOGIN_AGAIN_AT, () => {
      this.#logIn(login).catch((error: Error) => this.#fail(asClientError(error)));
    });
  }

  #request<Response, Input>(
    api: Api<unknown, Response, Input>,
    versionOf: () => number,
    body: Input,
    options: ConnectionRequestOptions,
  ): Promise<Response> {
    return new Promise<Response>((resolve, reject) => {
      if (this.#failure) {
        throw this.#failure;
      }
      if (this.#waiting.length >= WAITING_REQUESTS_MAX) {
        throw new ClientError('TIMED_OUT', `more than ${WAITING_REQUESTS_MAX} requests wait for one broker`);
      }
      const version = versionOf();
      const correlationId = this.#nextCorrelationId;
      this.#nextCorrelationId = (correlationId + 1) % 0x7fffffff;
      this.#waiting.push({
        api: api as Api,
        version,
        correlationId,
        frame: encodeRequestFrame(api, version, correlationId, this.#options.clientId, body),
        timeoutMs: options.timeoutMs ?? this.#options.requestTimeoutMs,
        noResponse: options.noResponse ?? false,
        isLogin: options.isLogin ?? false,
        resolve: resolve as (response: unknown) => void,
        reject,
        timer: undefined,
      });
      this.#sendWaiting();
    });
  }

  #sendWaiting(): void {
    while (this.#waiting.length > 0 && this.#inFlight.length < this.#options.inFlightRequestsMax) {
      const next = this.#loggingIn ? this.#waiting.findIndex(({ isLogin }) => isLogin) : 0;
      if (next < 0) return;
      const [pending] = this.#waiting.splice(next, 1) as [Pending];
      if (pending.noResponse) {
        this.#unanswered.add(pending);
        this.#connection.write(pending.frame, () => {
          this.#unanswered.delete(pending);
          pending.resolve(undefined);
        });
        continue;
      }
      this.#inFlight.push(pending);
      pending.timer = this.#runtime.timers.set(pending.timeoutMs, () => this.#timedOut(pending));
      this.#connection.write(pending.frame);
    }
  }

  #answer(frame: Buffer): void {
    const pending = this.#inFlight.shift();
    if (pending === undefined) {
      throw new Error('the broker answered a request that was not sent');
    }
    pending.timer?.cancel();
    try {
      pending.resolve(decodeAnswer(pending, frame));
    } catch (error) {
      pending.reject(new ClientError('BAD_RESPONSE', (error as Error).message, error));
      throw error;
    }
    this.#sendWaiting();
  }

  #timedOut(pending: Pending): void {
    this.#fail(new ClientError('TIMED_OUT', `${pending.api.name} was not answered within ${pending.timeoutMs} ms`));
  }

  #fail(failure: ClientError): void {
    if (this.#failure) {
      return;
    }
    this.#failure = failure;
    this.#loginTimer?.cancel();
    this.#connection.destroy();
    const unsettled = [...this.#inFlight.splice(0), ...this.#waiting.splice(0), ...this.#unanswered];
    this.#unanswered.clear();
    for (const pending of unsettled) {
      pending.timer?.cancel();
      pending.reject(failure);
    }
    this.#onClosed(this);
  }
}

function asClientError(error: Error): ClientError {
  return error instanceof ClientError ? error : new ClientError('DISCONNECTED', error.message, error);
}

function decodeAnswer(pending: Pending, frame: Buffer): unknown {
  const { api, version } = pending;
  const { correlationId, bodyOffset } = decodeResponseHeader(api, version, frame);
  if (correlationId !== pending.correlationId) {
    throw new Error(`the broker answered request ${correlationId} instead of ${pending.correlationId}`);
  }
  // The body of a refused ApiVersions has version 0 whatever was asked for; its error code comes first (KIP-511).
  const refused = api.key === apiVersions.key && frame.readInt16BE(bodyOffset) === ErrorCode.UNSUPPORTED_VERSION;
  return decodeResponse(api, refused ? 0 : version, frame, bodyOffset);
}
