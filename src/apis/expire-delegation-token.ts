// ExpireDelegationToken, versions 1 and 2.
//
// Behaviour: the token ends after the period, with a negative one at once; connections that logged in by it end with their session.
// Its owner, its requester and its renewers may.
// Deviations: none known. KIPs: 48. Source: DelegationTokenControlManager.expireDelegationToken.
import {
  type ExpireDelegationTokenRequest,
  type ExpireDelegationTokenResponseInput,
  expireDelegationToken,
} from '../protocol/messages/expire-delegation-token.ts';
import type { Clock } from '../runtime/runtime.ts';
import type { ApiHandler } from './api.ts';
import { changedToken, type TokenStores } from './token-requests.ts';

type Dependencies = TokenStores & { readonly clock: Clock };

export function expireDelegationTokenHandler(
  dependencies: Dependencies,
): ApiHandler<ExpireDelegationTokenRequest, ExpireDelegationTokenResponseInput> {
  const { tokens, clock } = dependencies;
  return {
    api: expireDelegationToken,
    minVersion: 1,
    maxVersion: 2,
    async dispatch({ hmac, expiryTimePeriodMs }, { connection }, reply) {
      reply(
        await changedToken(dependencies, connection, hmac, (id, requester) =>
          tokens.expire(id, requester, expiryTimePeriodMs, clock.nowMs()),
        ),
      );
    },
  };
}
