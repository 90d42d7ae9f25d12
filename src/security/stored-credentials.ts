// SCRAM's directory of users and delegation tokens, as the metadata has them now: a user that was deleted, or a token that has
// ended, is refused at its next login.
import type { DelegationTokens } from '../metadata/delegation-tokens.ts';
import { scramKey } from '../metadata/fold.ts';
import type { Image } from '../metadata/image.ts';
import type { Clock } from '../runtime/runtime.ts';
import type { ScramDirectory } from './scram.ts';
import type { TokenSecrets } from './token-secrets.ts';

export function storedCredentials(options: {
  readonly metadata: { readonly image: Image };
  readonly tokens: DelegationTokens;
  /** Undefined: there are no delegation tokens. */
  readonly tokenSecrets: TokenSecrets | undefined;
  readonly clock: Clock;
}): ScramDirectory {
  const { metadata, tokens, tokenSecrets, clock } = options;
  return {
    credential(user, mechanism) {
      const stored = metadata.image.scramCredentials.get(scramKey(user, mechanism));
      return (
        stored && {
          salt: Buffer.from(stored.salt, 'base64'),
          storedKey: Buffer.from(stored.storedKey, 'base64'),
          serverKey: Buffer.from(stored.serverKey, 'base64'),
          iterations: stored.iterations,
        }
      );
    },
    async token(tokenId, mechanism) {
      const token = tokens.get(tokenId);
      return token && tokenSecrets?.credentialOf(token, mechanism, clock.nowMs());
    },
  };
}
