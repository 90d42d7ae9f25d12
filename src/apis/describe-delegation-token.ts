// DescribeDelegationToken, versions 1 to 3.
//
// Behaviour: the caller's own tokens and those it may renew, further ones with DESCRIBE on the token or DESCRIBE_TOKENS on its owner;
// null owners means all, an empty list none. Secrets are part of the answer, as in Kafka: who sees a token can log in by it.
// Deviations: none known. KIPs: 48, 373. Source: KafkaApis.handleDescribeTokensRequest, DelegationTokenManager.filterToken.
import { type DelegationTokens, isOwnerOrRenewer } from '../metadata/delegation-tokens.ts';
import type { DelegationToken } from '../metadata/image.ts';
import { AclOperation, ResourceType } from '../protocol/acl-codes.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type DescribeDelegationTokenRequest,
  type DescribeDelegationTokenResponseInput,
  describeDelegationToken,
} from '../protocol/messages/describe-delegation-token.ts';
import type { Authorizer } from '../security/authorizer.ts';
import { principalText } from '../security/principal.ts';
import type { TokenSecrets } from '../security/token-secrets.ts';
import type { ApiHandler, ConnectionInfo } from './api.ts';
import { mayUseTokens, principalOf, textOf } from './token-requests.ts';

type Dependencies = {
  readonly tokens: DelegationTokens;
  readonly tokenSecrets?: TokenSecrets | undefined;
  readonly authorizer?: Authorizer | undefined;
};

export function describeDelegationTokenHandler({
  tokens,
  tokenSecrets,
  authorizer,
}: Dependencies): ApiHandler<DescribeDelegationTokenRequest, DescribeDelegationTokenResponseInput> {
  return {
    api: describeDelegationToken,
    minVersion: 1,
    maxVersion: 3,
    dispatch({ owners }, { connection }, reply) {
      const refused = (errorCode: ErrorCode) => reply({ errorCode, tokens: [], throttleTimeMs: 0 });
      if (!mayUseTokens(connection)) return refused(ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED);
      if (!tokenSecrets) return refused(ErrorCode.DELEGATION_TOKEN_AUTH_DISABLED);
      const asked = owners?.map(textOf);
      const seen = [...tokens.all()].filter(
        (token) =>
          (asked === undefined || asked.some((owner) => isOwnerOrRenewer(token, owner))) &&
          maySee(authorizer, token, connection),
      );
      reply({
        errorCode: ErrorCode.NONE,
        tokens: seen.map((token) => described(token, tokenSecrets)),
        throttleTimeMs: 0,
      });
    },
  };
}

function maySee(authorizer: Authorizer | undefined, token: DelegationToken, connection: ConnectionInfo): boolean {
  const { principal, remoteAddress: host } = connection;
  if (!authorizer || isOwnerOrRenewer(token, principalText(principal))) return true;
  const subject = { principal, host };
  return (
    authorizer.allows(subject, AclOperation.DESCRIBE, ResourceType.DELEGATION_TOKEN, token.id) ||
    authorizer.allows(subject, AclOperation.DESCRIBE_TOKENS, ResourceType.USER, token.owner)
  );
}

function described(
  token: DelegationToken,
  secrets: TokenSecrets,
): DescribeDelegationTokenResponseInput['tokens'][number] {
  const owner = principalOf(token.owner);
  const requester = principalOf(token.requester);
  return {
    principalType: owner.type,
    principalName: owner.name,
    tokenRequesterPrincipalType: requester.type,
    tokenRequesterPrincipalName: requester.name,
    issueTimestamp: token.issuedAtMs,
    expiryTimestamp: token.expiresAtMs,
    maxTimestamp: token.endsAtMs,
    tokenId: token.id,
    hmac: secrets.secretOf(token.id),
    renewers: token.renewers.map((text) => {
      const { type, name } = principalOf(text);
      return { principalType: type, principalName: name };
    }),
  };
}
