// RenewDelegationToken, versions 1 and 2.
//
// Behaviour: the token is good for the period from now on, a negative one being delegation.token.expiry.time.ms, but never beyond
// its end. Its owner, its requester and its renewers may.
// Deviations: none known. KIPs: 48. Source: DelegationTokenControlManager.renewDelegationToken.
import type { DelegationTokens } from '../metadata/delegation-tokens.ts';
import { Refusal } from '../metadata/refusal.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type RenewDelegationTokenRequest,
  type RenewDelegationTokenResponseInput,
  renewDelegationToken,
} from '../protocol/messages/renew-delegation-token.ts';
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

export function renewDelegationTokenHandler({
  tokens,
  tokenSecrets,
  clock,
}: Dependencies): ApiHandler<RenewDelegationTokenRequest, RenewDelegationTokenResponseInput> {
  return {
    api: renewDelegationToken,
    minVersion: 1,
    maxVersion: 2,
    async dispatch({ hmac, renewPeriodMs }, { connection }, reply) {
      const refused = (errorCode: ErrorCode) =>
        reply({ errorCode, expiryTimestampMs: NO_TIMESTAMP, throttleTimeMs: 0 });
      if (!mayUseTokens(connection)) return refused(ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED);
      if (!tokenSecrets) return refused(ErrorCode.DELEGATION_TOKEN_AUTH_DISABLED);
      const id = tokenSecrets.find(tokens.all(), Buffer.from(hmac))?.id;
      const token = await tokens.renew(id, principalText(connection.principal), renewPeriodMs, clock.nowMs());
      if (token instanceof Refusal) return refused(token.errorCode);
      reply({ errorCode: ErrorCode.NONE, expiryTimestampMs: token.expiresAtMs, throttleTimeMs: 0 });
    },
  };
}
