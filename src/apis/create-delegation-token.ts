// CreateDelegationToken, versions 1 to 3.
//
// Behaviour: a token that logs in as its owner, for whom the caller may be another with CREATE_TOKENS on the owner (version 3).
// Without delegation.token.secret.key: DELEGATION_TOKEN_AUTH_DISABLED; on a connection without a login or with one by
// token: DELEGATION_TOKEN_REQUEST_NOT_ALLOWED.
//
// Deviations: more than 10,000 tokens at a time, or 100 renewers of one, are refused (POLICY_VIOLATION, INVALID_REQUEST). KIPs: 48, 373 (owner).
// Source: KafkaApis.handleCreateTokenRequest, DelegationTokenControlManager.
import type { DelegationTokens } from '../metadata/delegation-tokens.ts';
import { randomId } from '../metadata/random-id.ts';
import { Refusal } from '../metadata/refusal.ts';
import { AclOperation, ResourceType } from '../protocol/acl-codes.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type CreateDelegationTokenRequest,
  type CreateDelegationTokenResponseInput,
  createDelegationToken,
} from '../protocol/messages/create-delegation-token.ts';
import type { Clock, Random } from '../runtime/runtime.ts';
import type { Authorizer } from '../security/authorizer.ts';
import { type Principal, principalText } from '../security/principal.ts';
import type { TokenSecrets } from '../security/token-secrets.ts';
import type { ApiHandler, RequestContext } from './api.ts';
import { mayUseTokens, NO_TIMESTAMP, textOf } from './token-requests.ts';

type Dependencies = {
  readonly tokens: DelegationTokens;
  readonly tokenSecrets?: TokenSecrets | undefined;
  readonly authorizer?: Authorizer | undefined;
  readonly clock: Clock;
  readonly random: Random;
};

const RENEWERS_MAX = 100;

export function createDelegationTokenHandler(
  dependencies: Dependencies,
): ApiHandler<CreateDelegationTokenRequest, CreateDelegationTokenResponseInput> {
  const { tokens, tokenSecrets, clock, random } = dependencies;
  return {
    api: createDelegationToken,
    minVersion: 1,
    maxVersion: 3,
    async dispatch(request, context, reply) {
      const requester = context.connection.principal;
      const owner = ownerOf(request, requester);
      const objection = objectionTo(dependencies, request, owner, context);
      if (objection !== undefined || !tokenSecrets) {
        reply(refused(objection ?? ErrorCode.DELEGATION_TOKEN_AUTH_DISABLED, owner, requester));
        return;
      }
      const token = await tokens.create(
        {
          id: randomId(random),
          owner: principalText(owner),
          requester: principalText(requester),
          renewers: request.renewers.map(textOf),
          lifetimeMs: request.maxLifetimeMs,
        },
        clock.nowMs(),
      );
      if (token instanceof Refusal) {
        reply(refused(token.errorCode, owner, requester));
        return;
      }
      reply({
        ...refused(ErrorCode.NONE, owner, requester),
        issueTimestampMs: token.issuedAtMs,
        expiryTimestampMs: token.expiresAtMs,
        maxTimestampMs: token.endsAtMs,
        tokenId: token.id,
        hmac: tokenSecrets.secretOf(token.id),
      });
    },
  };
}

function ownerOf(
  { ownerPrincipalName, ownerPrincipalType }: CreateDelegationTokenRequest,
  requester: Principal,
): Principal {
  return ownerPrincipalName ? { type: ownerPrincipalType ?? '', name: ownerPrincipalName } : requester;
}

function objectionTo(
  { authorizer }: Dependencies,
  { renewers }: CreateDelegationTokenRequest,
  owner: Principal,
  { connection }: RequestContext,
): ErrorCode | undefined {
  if (!mayUseTokens(connection)) return ErrorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED;
  const subject = { principal: connection.principal, host: connection.remoteAddress };
  const isOwn = principalText(owner) === principalText(connection.principal);
  const mayForOthers = () =>
    authorizer?.allows(subject, AclOperation.CREATE_TOKENS, ResourceType.USER, principalText(owner)) ?? true;
  if (!isOwn && !mayForOthers()) return ErrorCode.DELEGATION_TOKEN_AUTHORIZATION_FAILED;
  if (renewers.some(({ principalType }) => principalType !== 'User')) return ErrorCode.INVALID_PRINCIPAL_TYPE;
  return renewers.length > RENEWERS_MAX ? ErrorCode.INVALID_REQUEST : undefined;
}

function refused(errorCode: ErrorCode, owner: Principal, requester: Principal): CreateDelegationTokenResponseInput {
  return {
    errorCode,
    principalType: owner.type,
    principalName: owner.name,
    tokenRequesterPrincipalType: requester.type,
    tokenRequesterPrincipalName: requester.name,
    issueTimestampMs: NO_TIMESTAMP,
    expiryTimestampMs: NO_TIMESTAMP,
    maxTimestampMs: NO_TIMESTAMP,
    tokenId: '',
    hmac: Buffer.alloc(0),
    throttleTimeMs: 0,
  };
}
