// What the four delegation token APIs share: who may use them at all, and principals on the wire.
import { type Principal, principalText } from '../security/principal.ts';
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
