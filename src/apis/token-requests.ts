// What the four delegation token APIs share: who may use them at all, principals on the wire, giving a token another end.
import type { DelegationTokens } from '../metadata/delegation-tokens.ts';
import type { DelegationToken } from '../metadata/image.ts';
import { Refusal } from '../metadata/refusal.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { type Principal, principalText } from '../security/principal.ts';
import type { TokenSecrets } from '../security/token-secrets.ts';
import type { ConnectionInfo } from './api.ts';

/** In answers that say no. */
export const NO_TIMESTAMP = -1;

/** Not without a login, nor with one that a token gave: tokens must not beget tokens. */
export function mayUseTokens({ principal, byToken, securityProtocol = 'PLAINTEXT' }: ConnectionInfo): boolean {
  if (byToken || securityProtocol === 'PLAINTEXT') return false;
  return !(securityProtocol === 'SSL' && principalText(principal) === 'User:ANONYMOUS');
}

/** `User:alice`; also of principals whose type or name is odd. */
export function textOf(principal: { readonly principalType: string; readonly principalName: string }): string {
  return `${principal.principalType}:${principal.principalName}`;
}

/** The way back from `textOf`. */
export function principalOf(text: string): Principal {
  const colon = text.indexOf(':');
  return { type: text.slice(0, colon), name: text.slice(colon + 1) };
}

export interface TokenStores {
  readonly tokens: DelegationTokens;
  readonly tokenSecrets?: TokenSecrets | undefined;
}

/** What RenewDelegationToken and ExpireDelegationToken answer, when `change` decides about the token of this secret. */
export async function changedToken(
  { tokens, tokenSecrets }: TokenStores,
  connection: ConnectionInfo,
  secret: Uint8Array,
  change: (id: string | undefined, requester: string) => Promise<DelegationToken | Refusal>,
) {
  const refused = (errorCode: ErrorCode) => ({ errorCode, expiryTimestampMs: NO_TIMESTAMP, throttleTimeMs: 0 });
  if (!mayUseTokens(connection)) return refused(ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED);
  if (!tokenSecrets) return refused(ErrorCode.DELEGATION_TOKEN_AUTH_DISABLED);
  const id = tokenSecrets.find(tokens.all(), Buffer.from(secret))?.id;
  const token = await change(id, principalText(connection.principal));
  if (token instanceof Refusal) return refused(token.errorCode);
  return { errorCode: ErrorCode.NONE, expiryTimestampMs: token.expiresAtMs, throttleTimeMs: 0 };
}
