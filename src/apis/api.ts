// The shape of an API's implementation: what the registry lists and the server calls.
import type { Api } from '../protocol/api.ts';
import type { Principal } from '../security/principal.ts';
import type { SaslSession } from '../security/sasl-session.ts';
import type { SecurityProtocol } from '../security/security-settings.ts';

/** What a request carries besides its body. */
export interface RequestContext {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  readonly connection: ConnectionInfo;
  /** Of its frame, without the size in front. */
  readonly requestBytes: number;
}

export interface ConnectionInfo {
  /** Unique in this process. */
  readonly id: number;
  readonly listener: string;
  /** The address the client dialled, as the socket shows it: Metadata answers with it unless addresses are advertised. */
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  /** Who is logged in; `User:ANONYMOUS` when nobody has to. */
  readonly principal: Principal;
  /** PLAINTEXT when not given. */
  readonly securityProtocol?: SecurityProtocol;
  /** Logged in with a delegation token. */
  readonly byToken?: boolean;
  /** The login of a connection that has one. */
  readonly sasl?: SaslSession | undefined;
  softwareName: string;
  softwareVersion: string;
  readonly closed: boolean;
  /** Takes no more requests for this long. */
  mute(forMs: number): void;
  /** Closes after the responses already queued. */
  close(reason: string): void;
  /** Called once when the connection is gone (park lists, sessions). Returns a function that forgets the listener. */
  onClosed(listener: () => void): () => void;
}

/**
 * One API as the broker answers it. Requests of one connection are handed over one at a time, in arrival order: the next
 * is taken when `dispatch` returned (or the promise it returned resolved), which must be after everything whose order
 * matters happened; the answer may come later, through `reply`, and is sent in request order.
 */
export interface ApiHandler<Request = never, Response = unknown> {
  readonly api: Api;
  /** Advertised by ApiVersions. */
  readonly minVersion: number;
  readonly maxVersion: number;
  /** Versions below are refused (UNSUPPORTED_VERSION) although advertised; Kafka does this for Produce alone. */
  readonly minHandledVersion?: number;
  /** The answer may wait for the future on purpose (fetch, joining a group): a stopping server does not wait for it. */
  readonly longPoll?: boolean;
  /**
   * No view of the request's byte fields is kept when `dispatch` has returned (what a log appends, it keeps by itself): their
   * memory is used again. Without it, requests that have byte fields are left to the garbage collector.
   */
  readonly keepsNoBytes?: boolean;
  dispatch(request: Request, context: RequestContext, reply: Reply<Response>): void | Promise<void>;
  /**
   * The answer to a request whose dispatch threw. Without it a response with a top-level error code carries the error,
   * and for any other the connection is closed, as it is when this returns undefined.
   */
  failed?(request: Request, errorCode: number): Response | undefined;
}

/**
 * Answers once; `null` sends nothing (acks=0). A second call is a bug. `onSent` is called once, when nobody looks at the
 * response's byte fields any more: the kernel took them, or the connection is gone.
 */
export type Reply<Response> = (response: Response | null, onSent?: () => void) => void;
