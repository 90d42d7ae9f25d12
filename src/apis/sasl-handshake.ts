// SaslHandshake, versions 0 and 1: the client names a mechanism.
//
// Behaviour: what comes next are the mechanism's tokens, after version 0 as they are, after version 1 in SaslAuthenticate. A mechanism
// that is not offered is answered UNSUPPORTED_SASL_MECHANISM with those that are, and the connection closes. Without a
// login to make or to renew: ILLEGAL_SASL_STATE. The states are in security/sasl-session.ts.
//
// Deviations: what is no token between a handshake and the end of its login closes the connection; Kafka answers ILLEGAL_SASL_STATE first.
// KIPs: 43, 152, 368 (renewing a login).
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type SaslHandshakeRequest,
  type SaslHandshakeResponseInput,
  saslHandshake,
} from '../protocol/messages/sasl-handshake.ts';
import type { Timers } from '../runtime/runtime.ts';
import type { ApiHandler } from './api.ts';

type Dependencies = {
  readonly timers: Timers;
  readonly failedLoginDelayMs: number;
};

export function saslHandshakeHandler({
  timers,
  failedLoginDelayMs,
}: Dependencies): ApiHandler<SaslHandshakeRequest, SaslHandshakeResponseInput> {
  return {
    api: saslHandshake,
    minVersion: 0,
    maxVersion: 1,
    dispatch({ mechanism }, { connection, apiVersion }, reply) {
      const { sasl } = connection;
      const errorCode = sasl?.handshake(mechanism, apiVersion) ?? ErrorCode.ILLEGAL_SASL_STATE;
      const answer = { errorCode, mechanisms: errorCode === ErrorCode.ILLEGAL_SASL_STATE ? [] : sasl!.mechanisms };
      if (errorCode !== ErrorCode.UNSUPPORTED_SASL_MECHANISM) {
        reply(answer);
        return;
      }
      return new Promise((resolve) => {
        timers.set(failedLoginDelayMs, () => {
          reply(answer);
          connection.close('it asked for a SASL mechanism that is not offered');
          resolve();
        });
      });
    },
  };
}
