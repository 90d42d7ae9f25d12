// SaslAuthenticate, versions 0 to 2: one token of a login.
//
// Behaviour: the mechanism's answer, and with the last one how long the session lasts (0: for ever). A login that fails is answered
// SASL_AUTHENTICATION_FAILED with a sentence that does not say whether the user exists, after connection.failed.authentication.delay.ms,
// and the connection closes. Where no login is under way: ILLEGAL_SASL_STATE.
//
// Deviations: none known. KIPs: 152, 368 (session lifetime).
// Source: SaslServerAuthenticator.handleSaslToken, KafkaApis.handleSaslAuthenticateRequest.
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type SaslAuthenticateRequest,
  type SaslAuthenticateResponseInput,
  saslAuthenticate,
} from '../protocol/messages/sasl-authenticate.ts';
import type { LogLines, Timers } from '../runtime/runtime.ts';
import { sleep } from '../runtime/runtime.ts';
import { principalText } from '../security/principal.ts';
import type { ApiHandler } from './api.ts';

type Dependencies = {
  readonly timers: Timers;
  readonly failedLoginDelayMs: number;
  /** For the audit. */
  readonly log: LogLines;
};

export function saslAuthenticateHandler({
  timers,
  failedLoginDelayMs,
  log,
}: Dependencies): ApiHandler<SaslAuthenticateRequest, SaslAuthenticateResponseInput> {
  return {
    api: saslAuthenticate,
    minVersion: 0,
    maxVersion: 2,
    async dispatch({ authBytes }, { connection }, reply) {
      const { sasl } = connection;
      if (!sasl || sasl.isLoggedIn) {
        const errorMessage = 'SaslAuthenticate request received after successful authentication';
        reply({ errorCode: ErrorCode.ILLEGAL_SASL_STATE, errorMessage, authBytes: Buffer.alloc(0) });
        return;
      }
      // The token is a view of what was received; the login may look at it later.
      const answer = await sasl.authenticate(Buffer.from(authBytes));
      const where = { remote: connection.remoteAddress, listener: connection.listener };
      if ('token' in answer) {
        if (sasl.isLoggedIn)
          log.info('audit login allowed', { principal: principalText(connection.principal), ...where });
        const { token, sessionLifetimeMs } = answer;
        reply({ errorCode: ErrorCode.NONE, errorMessage: '', authBytes: token, sessionLifetimeMs });
        return;
      }
      log.warn('audit login denied', { reason: answer.reason, ...where });
      await sleep(timers, failedLoginDelayMs);
      reply({ errorCode: answer.errorCode, errorMessage: answer.message, authBytes: Buffer.alloc(0) });
      connection.close('its login failed');
    },
  };
}
