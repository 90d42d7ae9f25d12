// One client's connection: bytes → frames → requests → handlers → answers in request order → one gathered write per turn.
//
// Invariants:
// - Requests reach their handlers in arrival order, one at a time; the next is taken when `dispatch` is done.
// - Every byte received is charged to RequestMemory until its request is answered, every answer until the kernel took it;
//   what is charged is released when the connection closes, whatever happens.
// - Reading stops while the connection has its share: too many requests in flight, too much of the client's own answers
//   unread, or a whole request waiting behind one that is being dispatched. So memory per connection is bounded.
import type { ApiHandler, ConnectionInfo, Reply, RequestContext } from '../apis/api.ts';
import type { AnyApiHandler, Registry } from '../apis/registry.ts';
import { encodeResponseFrame, type RequestHeader } from '../protocol/api.ts';
import { FrameAssembler, FrameSizeError } from '../protocol/frame-assembler.ts';
import { apiVersions } from '../protocol/messages/api-versions.ts';
import type { RegionPool } from '../protocol/region-pool.ts';
import type { LimitedLog } from '../runtime/limited-log.ts';
import { runSoon } from '../runtime/microtask.ts';
import type { Connection, TlsPeer } from '../runtime/network.ts';
import type { Clock, Timer, Timers } from '../runtime/runtime.ts';
import type { ConnectionIdentity } from '../security/connection-identity.ts';
import type { Principal } from '../security/principal.ts';
import type { SaslSession } from '../security/sasl-session.ts';
import type { SecurityProtocol } from '../security/security-settings.ts';
import { rawLogin } from './raw-login.ts';
import { failedResponse, readRequest } from './request.ts';
import type { MemoryUser, RequestMemory } from './request-memory.ts';
import { ResponseQueue, type Slot } from './response-queue.ts';

/** Requests of one connection that are not answered. */
const REQUESTS_IN_FLIGHT_MAX = 512;
/** Their bytes; a single larger request is still taken. */
const REQUEST_BYTES_IN_FLIGHT_MAX = 64 * 1024 * 1024;
/** Answers that the client has not read; above it, its next request waits. */
const UNREAD_RESPONSE_BYTES_MAX = 4 * 1024 * 1024;
const FRAME_SIZE_BYTES = 4;

export interface ConnectionSurroundings {
  readonly registry: Registry;
  readonly memory: RequestMemory;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: LimitedLog;
  readonly frameBytesMax: number;
  readonly login: LoginLimits;
  /** What is received goes into its regions; absent, into memory that the garbage collector frees. */
  readonly regions?: RegionPool | undefined;
  /** Called once, when the connection is gone. */
  readonly onGone: (connection: ClientConnection) => void;
}

/** Of connections that have not yet logged in. */
export interface LoginLimits {
  readonly loginBytesMax: number;
  readonly loginMsMax: number;
  readonly failedLoginDelayMs: number;
}

export class ClientConnection implements ConnectionInfo, MemoryUser {
  readonly id: number;
  readonly listener: string;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  softwareName = 'unknown';
  softwareVersion = 'unknown';

  readonly #socket: Connection;
  readonly #surroundings: ConnectionSurroundings;
  readonly #identity: ConnectionIdentity;
  readonly #assembler: FrameAssembler;
  readonly #queue = new ResponseQueue();
  #closedListeners: Set<() => void> | undefined;
  #state: 'open' | 'ending' | 'gone' = 'open';
  /** A handler is still deciding the order of what it does; the next request waits. */
  #dispatching = false;
  #pumping = false;
  #readingPaused = false;
  #flushScheduled = false;
  #draining = false;
  #chargedBytes = 0;
  #unansweredBytes = 0;
  /** Unanswered, and not waiting for the future on purpose. */
  #unansweredPrompt = 0;
  /** Set while the client is made to wait: no request is taken. */
  #unmute: Timer | undefined;
  #mutedUntilMs = 0;
  #lastActiveMs: number;
  readonly #openedMs: number;
  /** Handshake and login were behind it when this was last looked at. */
  #isKnown = false;

  constructor(
    id: number,
    listener: string,
    socket: Connection,
    identity: ConnectionIdentity,
    surroundings: ConnectionSurroundings,
  ) {
    this.id = id;
    this.listener = listener;
    this.localAddress = socket.localAddress;
    this.localPort = socket.localPort;
    this.remoteAddress = socket.remoteAddress;
    this.remotePort = socket.remotePort;
    this.#socket = socket;
    this.#surroundings = surroundings;
    this.#identity = identity;
    this.#assembler = new FrameAssembler(
      Math.min(surroundings.login.loginBytesMax, surroundings.frameBytesMax),
      surroundings.regions,
    );
    this.#openedMs = surroundings.clock.monotonicMs();
    this.#lastActiveMs = this.#openedMs;
    this.#lookAtIdentity();
  }

  start(): void {
    this.#socket.start({
      buffer: () => this.#assembler.buffer(),
      received: (count) => this.#received(count),
      secured: (peer) => this.#secured(peer),
      closed: (error) => this.#closed(error),
    });
  }

  // --- ConnectionInfo: what handlers see ---

  get principal(): Principal {
    return this.#identity.principal;
  }

  get byToken(): boolean {
    return this.#identity.byToken;
  }

  get securityProtocol(): SecurityProtocol {
    return this.#identity.protocol;
  }

  get sasl(): SaslSession | undefined {
    return this.#identity.sasl;
  }

  get closed(): boolean {
    return this.#state !== 'open';
  }

  close(reason: string): void {
    if (this.#state === 'open') {
      this.#surroundings.log.warn('Closing a connection', { remote: this.remoteAddress, reason });
      this.#end();
    }
  }

  mute(forMs: number): void {
    const untilMs = this.#surroundings.clock.monotonicMs() + forMs;
    if (this.#state !== 'open' || untilMs <= this.#mutedUntilMs) return;
    this.#mutedUntilMs = untilMs;
    this.#unmute?.cancel();
    this.#unmute = this.#surroundings.timers.set(forMs, () => {
      this.#unmute = undefined;
      this.#pump();
    });
  }

  onClosed(listener: () => void): () => void {
    if (this.#state === 'gone') {
      listener();
      return () => {};
    }
    this.#closedListeners ??= new Set();
    this.#closedListeners.add(listener);
    return () => this.#closedListeners?.delete(listener);
  }

  // --- MemoryUser: what RequestMemory calls ---

  get hasPartialRequest(): boolean {
    return this.#assembler.pendingBytes > 0 && !this.#assembler.hasNext;
  }

  resumeReading(): void {
    this.#pump();
  }

  stalled(): void {
    this.#surroundings.log.warn('Closing a connection', {
      remote: this.remoteAddress,
      reason: 'it holds request memory that all others wait for and does not complete its request',
    });
    this.#destroy();
  }

  // --- Server: housekeeping ---

  /** Closes when nothing happened for `idleMs`: nothing received, nothing to answer, or answers that are not read. */
  closeIfIdle(nowMs: number, idleMs: number): void {
    const waitsForUs = this.#queue.length > 0 && this.#socket.queuedBytes === 0;
    if (nowMs - this.#lastActiveMs >= idleMs && !waitsForUs) {
      this.#destroy();
    }
  }

  /** Closes when handshake and login are not behind it by now. */
  closeIfLate(nowMs: number): void {
    if (this.#isKnown || this.#identity.isComplete) return;
    if (nowMs - this.#openedMs < this.#surroundings.login.loginMsMax) return;
    this.#surroundings.log.warn('Closing a connection', {
      remote: this.remoteAddress,
      reason: 'it did not finish its handshake and login in time',
    });
    this.#destroy();
  }

  /** Whether answers lie unread for this long. */
  isStalledReader(nowMs: number, forMs: number): boolean {
    return this.#socket.queuedBytes > 0 && nowMs - this.#lastActiveMs >= forMs;
  }

  /** Takes no more requests, and ends when those taken are answered; long polls are not waited for. */
  drain(): void {
    this.#draining = true;
    this.#socket.pause();
    this.#endWhenDrained();
  }

  destroy(): void {
    this.#destroy();
  }

  // --- who it is ---

  #secured(peer: TlsPeer): void {
    this.#lastActiveMs = this.#surroundings.clock.monotonicMs();
    const objection = this.#identity.secured(peer);
    if (objection !== undefined) this.close(objection);
    this.#lookAtIdentity();
  }

  /** Strangers may send only small frames. */
  #lookAtIdentity(): void {
    if (this.#isKnown || !this.#identity.isComplete) return;
    this.#isKnown = true;
    this.#assembler.maxFrameBytes = this.#surroundings.frameBytesMax;
  }

  #closed(error: Error | undefined): void {
    if (error && this.#state === 'open' && !this.#isKnown) {
      const code = (error as { code?: string }).code;
      const reason = code === undefined ? error.message : code;
      this.#surroundings.log.warn('A handshake failed', { remote: this.remoteAddress, reason });
    }
    this.#gone();
  }

  // --- from bytes to handlers ---

  #received(count: number): void {
    if (this.#state !== 'open') {
      return;
    }
    this.#lastActiveMs = this.#surroundings.clock.monotonicMs();
    this.#assembler.received(count);
    this.#charge(count);
    this.#pump();
  }

  #pump(): void {
    if (this.#pumping || this.#state !== 'open') {
      return;
    }
    this.#pumping = true;
    try {
      while (!this.#dispatching && this.#hasRoom() && this.#state === 'open') {
        const frame = this.#assembler.next();
        if (frame === undefined) {
          break;
        }
        this.#take(frame);
      }
    } catch (error) {
      if (!(error instanceof FrameSizeError)) {
        throw error;
      }
      this.close(error.message);
    } finally {
      this.#pumping = false;
    }
    this.#flush();
    this.#pauseOrResume();
  }

  /** Whether one more request may be taken. */
  #hasRoom(): boolean {
    return (
      !this.#draining &&
      this.#unmute === undefined &&
      this.#queue.length < REQUESTS_IN_FLIGHT_MAX &&
      this.#unansweredBytes < REQUEST_BYTES_IN_FLIGHT_MAX &&
      this.#queue.waitingBytes + this.#socket.queuedBytes < UNREAD_RESPONSE_BYTES_MAX
    );
  }

  #pauseOrResume(): void {
    if (this.#state !== 'open' || this.#draining) {
      return;
    }
    const wantsBytes = !this.#assembler.hasNext && this.#hasRoom() && this.#surroundings.memory.mayRead(this);
    if (wantsBytes === this.#readingPaused) {
      this.#readingPaused = !wantsBytes;
      if (wantsBytes) {
        this.#socket.resume();
      } else {
        this.#socket.pause();
      }
    }
  }

  #take(frame: Buffer): void {
    this.#surroundings.memory.requestCompleted(this);
    const slot = this.#queue.reserve(frame.length + FRAME_SIZE_BYTES);
    this.#unansweredBytes += slot.requestBytes;
    const { sasl } = this.#identity;
    if (sasl !== undefined && !this.#mayAsk(sasl, frame, slot)) return;
    const incoming = readRequest(frame, this.#surroundings.registry);
    switch (incoming.kind) {
      case 'refusal':
        // The decoder may have seen anything.
        this.#assembler.keepRegion();
        this.close(incoming.reason);
        return;
      case 'answer':
        this.#promptStarted();
        this.#answer(slot, incoming.parts, true);
        return;
      case 'request':
        if (sasl !== undefined && incoming.header.apiKey === apiVersions.key) sasl.versionsTold();
        if (incoming.handler.keepsNoBytes !== true && incoming.handler.api.request.hasByteFields)
          this.#assembler.keepRegion();
        this.#dispatch(incoming.handler, incoming.request, incoming.header, slot);
    }
  }

  /** Before anything is decoded: strangers get no further than the API key. */
  #mayAsk(sasl: SaslSession, frame: Buffer, slot: Slot): boolean {
    if (sasl.takesRawTokens) {
      this.#takeToken(sasl, frame, slot);
      return false;
    }
    const objection = frame.length < 2 ? undefined : sasl.objectionTo(frame.readInt16BE(0));
    if (objection !== undefined) this.close(objection);
    return objection === undefined;
  }

  #takeToken(sasl: SaslSession, frame: Buffer, slot: Slot): void {
    const { timers, login } = this.#surroundings;
    this.#promptStarted();
    this.#dispatching = true;
    rawLogin(sasl, Buffer.from(frame), timers, login.failedLoginDelayMs)
      .then((parts) => {
        if (parts) this.#answer(slot, parts, true);
        else this.close('its login failed');
      })
      .catch((error: Error) => this.close(`its login could not be checked: ${error.message}`))
      .then(() => this.#dispatched());
  }

  #promptStarted(): void {
    this.#unansweredPrompt += 1;
    this.#surroundings.memory.requestStarted();
  }

  #dispatch(handler: AnyApiHandler, request: unknown, header: RequestHeader, slot: Slot): void {
    const isPrompt = handler.longPoll !== true;
    if (isPrompt) {
      this.#promptStarted();
    }
    // What waits (a long poll) need not keep the decoded request for an answer that is made without it.
    const kept = handler.failed === undefined ? undefined : request;
    const context: RequestContext = {
      apiKey: header.apiKey,
      apiVersion: header.apiVersion,
      correlationId: header.correlationId,
      clientId: header.clientId,
      connection: this,
      requestBytes: slot.requestBytes - FRAME_SIZE_BYTES,
    };
    const reply: Reply<unknown> = (response, onSent) => {
      try {
        const parts = response === null ? [] : encode(handler, header, response);
        this.#answer(slot, parts, isPrompt, onSent);
      } catch (error) {
        // An answer that cannot be encoded is a bug; it must not surface in the commit loop, which may have called this.
        // Its memory, if any, is left to the garbage collector.
        this.#failed(handler, kept, header, slot, error);
      }
    };
    try {
      const done = handler.dispatch(request, context, reply);
      if (done !== undefined) {
        this.#dispatching = true;
        done.then(
          () => this.#dispatched(),
          (error: unknown) => {
            this.#failed(handler, kept, header, slot, error);
            this.#dispatched();
          },
        );
      }
    } catch (error) {
      this.#failed(handler, kept, header, slot, error);
    }
  }

  #dispatched(): void {
    this.#dispatching = false;
    this.#lookAtIdentity();
    this.#pump();
  }

  /** A handler threw: a bug of ours or a fault of the world that it did not map. The broker goes on. */
  #failed(handler: ApiHandler, request: unknown, header: RequestHeader, slot: Slot, error: unknown): void {
    this.#surroundings.log.error('A request failed', {
      api: handler.api.name,
      version: header.apiVersion,
      clientId: header.clientId ?? '',
      remote: this.remoteAddress,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    if (slot.parts !== undefined || this.#state !== 'open') {
      return;
    }
    const parts = failedResponse(handler, request, header, error);
    if (parts) {
      this.#answer(slot, parts, handler.longPoll !== true);
    } else {
      this.close(`${handler.api.name} failed`);
    }
  }

  // --- from answers to the socket ---

  #answer(slot: Slot, parts: readonly Uint8Array[], isPrompt: boolean, onSent?: () => void): void {
    if (this.#state === 'gone') {
      onSent?.();
      return;
    }
    if (!this.#queue.answer(slot, parts, onSent)) {
      throw new Error('a request was answered twice');
    }
    this.#unansweredBytes -= slot.requestBytes;
    this.#charge(slot.sizeBytes);
    this.#discharge(slot.requestBytes);
    if (isPrompt) {
      this.#unansweredPrompt -= 1;
      this.#surroundings.memory.requestsAnswered(1);
    }
    this.#scheduleFlush();
  }

  /** Answers of one turn go out together: at the end of `#pump`, or in a microtask after the callback that gave them. */
  #scheduleFlush(): void {
    if (!this.#flushScheduled && !this.#pumping) {
      this.#flushScheduled = true;
      runSoon(() => {
        this.#flushScheduled = false;
        this.#flush();
        this.#pump();
        this.#endWhenDrained();
      });
    }
  }

  #flush(): void {
    if (!this.#queue.hasReady || this.#state !== 'open') {
      return;
    }
    const parts: Uint8Array[] = [];
    const { responseBytes, onSent } = this.#queue.takeReady(parts);
    if (parts.length === 0) {
      tell(onSent);
      return;
    }
    this.#socket.write(parts, (sent) => {
      tell(onSent);
      if (sent) this.#flushed(responseBytes);
    });
  }

  /** The kernel took an answer. */
  #flushed(responseBytes: number): void {
    if (this.#state === 'gone') {
      return;
    }
    this.#lastActiveMs = this.#surroundings.clock.monotonicMs();
    this.#discharge(responseBytes);
    if (this.#draining) {
      this.#endWhenDrained();
    } else if (this.#readingPaused) {
      this.#pump();
    }
  }

  #endWhenDrained(): void {
    if (this.#draining && this.#state === 'open' && this.#unansweredPrompt === 0 && !this.#dispatching) {
      this.#end();
    }
  }

  // --- the end ---

  /** What is answered and whose turn has come is still sent. */
  #end(): void {
    this.#flush();
    this.#state = 'ending';
    this.#socket.end();
  }

  #destroy(): void {
    this.#socket.destroy();
    this.#gone();
  }

  #gone(): void {
    if (this.#state === 'gone') {
      return;
    }
    this.#state = 'gone';
    this.#unmute?.cancel();
    const { memory, onGone } = this.#surroundings;
    memory.forget(this);
    memory.requestsAnswered(this.#unansweredPrompt);
    memory.release(this.#chargedBytes);
    this.#chargedBytes = 0;
    this.#queue.drop();
    const listeners = this.#closedListeners;
    this.#closedListeners = undefined;
    for (const listener of listeners ?? []) {
      listener();
    }
    onGone(this);
  }

  #charge(bytes: number): void {
    this.#chargedBytes += bytes;
    this.#surroundings.memory.take(bytes);
  }

  #discharge(bytes: number): void {
    this.#chargedBytes -= bytes;
    this.#surroundings.memory.release(bytes);
  }
}

function tell(listeners: readonly (() => void)[] | undefined): void {
  for (const listener of listeners ?? []) listener();
}

function encode(handler: AnyApiHandler, header: RequestHeader, response: unknown): Buffer[] {
  return encodeResponseFrame(handler.api, header.apiVersion, header.correlationId, response);
}
