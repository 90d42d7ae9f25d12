// ExpireDelegationToken, versions 1 and 2.
//
// Behaviour: the token ends after the period, with a negative one at once; connections that logged in by it end with their session.
// Its owner, its requester and its renewers may.
// Deviations: none known. KIPs: 48. Source: DelegationTokenControlManager.expireDelegationToken.
import type { DelegationTokens } from '../metadata/delegation-tokens.ts';
import { Refusal } from '../metadata/refusal.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type ExpireDelegationTokenRequest,
  type ExpireDelegationTokenResponseInput,
  expireDelegationToken,
} from '../protocol/messages/expire-delegation-token.ts';
import type { Clock } from '../runtime/runtime.ts';
import { principalText } from '../security/principal.ts';
import type { TokenSecrets } from '../security/token-secrets.ts';
import type { ApiHandler } from './api.ts';
import { mayUseTokens, NO_TIMESTAMP } from './token-requests.ts';

type Dependencies = {
  readonly tokens: DelegationTokens;
  readonly tokenSecrets?: TokenSecrets | undefined;
  readonly clock: Clock;
};

export function expireDelegationTokenHandler({
  tokens,
  tokenSecrets,
  clock,
}: Dependencies): ApiHandler<ExpireDelegationTokenRequest, ExpireDelegationTokenResponseInput> {
  return {
    api: expireDelegationToken,
    minVersion: 1,
    maxVersion: 2,
    async dispatch({ hmac, expiryTimePeriodMs }, { connection }, reply) {
      const refused = (errorCode: ErrorCode) =>
        reply({ errorCode, expiryTimestampMs: NO_TIMESTAMP, throttleTimeMs: 0 });
      if (!mayUseTokens(connection)) return refused(ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED);
      if (!tokenSecrets) return refused(ErrorCode.DELEGATION_TOKEN_AUTH_DISABLED);
      const id = tokenSecrets.find(tokens.all(), Buffer.from(hmac))?.id;
      const token = await tokens.expire(id, principalText(connection.principal), expiryTimePeriodMs, clock.nowMs());
      if (token instanceof Refusal) return refused(token.errorCode);
      reply({ errorCode: ErrorCode.NONE, expiryTimestampMs: token.expiresAtMs, throttleTimeMs: 0 });
    },
  };
}
