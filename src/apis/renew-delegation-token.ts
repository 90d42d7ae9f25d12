// RenewDelegationToken, versions 1 and 2.
//
// Behaviour: the token is good for the period from now on, a negative one being delegation.token.expiry.time.ms, but never beyond
// its end. Its owner, its requester and its renewers may.
// Deviations: none known. KIPs: 48. Source: DelegationTokenControlManager.renewDelegationToken.
import {
  type RenewDelegationTokenRequest,
  type RenewDelegationTokenResponseInput,
  renewDelegationToken,
} from '../protocol/messages/renew-delegation-token.ts';
import type { Clock } from '../runtime/runtime.ts';
import type { ApiHandler } from './api.ts';
import { changedToken, type TokenStores } from './token-requests.ts';

type Dependencies = TokenStores & { readonly clock: Clock };

export function renewDelegationTokenHandler(
  dependencies: Dependencies,
): ApiHandler<RenewDelegationTokenRequest, RenewDelegationTokenResponseInput> {
  const { tokens, clock } = dependencies;
  return {
    api: renewDelegationToken,
    minVersion: 1,
    maxVersion: 2,
    async dispatch({ hmac, renewPeriodMs }, { connection }, reply) {
      reply(
        await changedToken(dependencies, connection, hmac, (id, requester) =>
          tokens.renew(id, requester, renewPeriodMs, clock.nowMs()),
        ),
      );
    },
  };
}
