// What a broker with quotas does around every API: it measures what clients use and tells those that were too fast how long their
// connection takes no more requests (`throttleTimeMs`, KIP-219). An answer is never held back, but a Fetch that was too fast is answered
// without records. As long as nobody has a quota, a request passes through here with one comparison.
//
// Deviations: of the time that a request takes (request_percentage), what is measured is the time until its handler waits for something,
// and of its answer the encoding; Kafka counts the time of its threads.
// Source: KafkaApis.handleProduceRequest, handleFetchRequest, RequestHandlerHelper.
import type { Image } from '../metadata/image.ts';
import { encodeResponseFrame } from '../protocol/api.ts';
import { fetch } from '../protocol/messages/fetch.ts';
import { produce } from '../protocol/messages/produce.ts';
import { saslAuthenticate } from '../protocol/messages/sasl-authenticate.ts';
import { saslHandshake } from '../protocol/messages/sasl-handshake.ts';
import { writeTxnMarkers } from '../protocol/messages/write-txn-markers.ts';
import { ClientRates } from '../quota/client-rates.ts';
import { MutationQuotas } from '../quota/mutation-quotas.ts';
import { type QuotaClient, QuotaLimits } from '../quota/quota-limits.ts';
import type { Clock } from '../runtime/runtime.ts';
import type { Reply, RequestContext } from './api.ts';
import type { AnyApiHandler } from './registry.ts';

export interface ThrottlingOptions {
  readonly metadata: { readonly image: Image };
  readonly clock: Clock;
  readonly settings: {
    readonly quotaWindowNum: number;
    readonly quotaWindowSizeSeconds: number;
    readonly controllerQuotaWindowNum: number;
    readonly controllerQuotaWindowSizeSeconds: number;
  };
}

/** Logins belong to no client yet, and markers are the brokers' own business. */
const EXEMPT: readonly number[] = [saslHandshake.key, saslAuthenticate.key, writeTxnMarkers.key];
/** One second of the thread is 100 percent of it. */
const PERCENT_PER_MS = 0.1;

// Requests and answers of any API.
// biome-ignore lint/suspicious/noExplicitAny: see above
type Any = any;

export class Throttling {
  readonly mutations: MutationQuotas;
  readonly #metadata: { readonly image: Image };
  readonly #clock: Clock;
  readonly #produced: ClientRates;
  readonly #fetched: ClientRates;
  readonly #percentages: ClientRates;

  constructor({ metadata, clock, settings }: ThrottlingOptions) {
    const windows = settings.quotaWindowNum;
    const windowMs = settings.quotaWindowSizeSeconds * 1000;
    this.#metadata = metadata;
    this.#clock = clock;
    this.#produced = new ClientRates({ limits: new QuotaLimits(metadata, 'producer_byte_rate'), windows, windowMs });
    this.#fetched = new ClientRates({ limits: new QuotaLimits(metadata, 'consumer_byte_rate'), windows, windowMs });
    this.#percentages = new ClientRates({
      limits: new QuotaLimits(metadata, 'request_percentage'),
      windows,
      windowMs,
      throttleMsMax: windowMs,
    });
    this.mutations = new MutationQuotas({
      limits: new QuotaLimits(metadata, 'controller_mutation_rate'),
      clock,
      windows: settings.controllerQuotaWindowNum,
      windowMs: settings.controllerQuotaWindowSizeSeconds * 1000,
    });
  }

  around(handler: AnyApiHandler): AnyApiHandler {
    if (EXEMPT.includes(handler.api.key)) return handler;
    return {
      ...handler,
      dispatch: (request: Any, context, reply) => {
        if (this.#metadata.image.clientQuotas.size === 0) return handler.dispatch(request, context, reply);
        const { sasl } = context.connection;
        if (sasl && !sasl.isLoggedIn) return handler.dispatch(request, context, reply);
        return this.#measured(handler, request, context, reply);
      },
    };
  }

  #measured(handler: AnyApiHandler, request: Any, context: RequestContext, reply: Reply<Any>) {
    const clock = this.#clock;
    const client = clientOf(context);
    const startMs = clock.monotonicMs();
    let handlingMs: number | undefined;
    const done = handler.dispatch(this.#bounded(handler, request, client), context, (response: Any, onSent) => {
      const nowMs = clock.monotonicMs();
      const isExempt = response === null;
      const usedMs = handlingMs ?? nowMs - startMs;
      const byTimeMs = isExempt ? 0 : this.#percentages.record(client, usedMs * PERCENT_PER_MS, nowMs);
      const answer = this.#answer(handler, context, client, response, byTimeMs, nowMs);
      reply(answer, onSent);
      if (!isExempt) this.#percentages.add(client, (clock.monotonicMs() - nowMs) * PERCENT_PER_MS, nowMs);
    });
    handlingMs = clock.monotonicMs() - startMs;
    return done;
  }

  /** A client whose quota is small gets no more at once than the quota gives in its windows. */
  #bounded(handler: AnyApiHandler, request: Any, client: QuotaClient): Any {
    if (handler.api.key !== fetch.key) return request;
    return { ...request, maxBytes: Math.min(request.maxBytes, this.#fetched.mostAtOnce(client)) };
  }

  /** The answer with how long the client has to wait, and the connection made to wait. */
  #answer(
    handler: AnyApiHandler,
    context: RequestContext,
    client: QuotaClient,
    response: Any,
    byTimeMs: number,
    nowMs: number,
  ): Any {
    const { api } = handler;
    let waitMs = Math.max(byTimeMs, response?.throttleTimeMs ?? 0);
    let answer = response;
    if (api.key === produce.key) {
      waitMs = Math.max(waitMs, this.#produced.record(client, context.requestBytes, nowMs));
    } else if (api.key === fetch.key) {
      const sizeBytes = frameBytes(handler, context, response);
      waitMs = Math.max(waitMs, this.#fetched.record(client, sizeBytes, nowMs));
      if (waitMs > 0) {
        this.#fetched.add(client, -sizeBytes, nowMs);
        answer = { throttleTimeMs: 0, errorCode: response.errorCode, sessionId: response.sessionId, responses: [] };
      }
    }
    if (waitMs === 0) return response;
    context.connection.mute(waitMs);
    return answer !== null && 'throttleTimeMs' in api.response.fields ? { ...answer, throttleTimeMs: waitMs } : answer;
  }
}

export function clientOf({ connection, clientId }: RequestContext): QuotaClient {
  return { user: connection.principal.name, clientId: clientId ?? '' };
}

function frameBytes({ api }: AnyApiHandler, { apiVersion }: RequestContext, response: Any): number {
  return encodeResponseFrame(api, apiVersion, 0, response).reduce((bytes, part) => bytes + part.length, 0);
}
