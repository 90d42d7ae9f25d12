// AlterUserScramCredentials, version 0.
//
// Behaviour: sets and deletes SCRAM credentials; the client sends the salted password, of which only what checks a login is kept.
// One result per user: with an error none of what was asked for that user happened. What happens is in force at the next login.
//
// Deviations: more than 100,000 credentials are refused (POLICY_VIOLATION). KIPs: 554.
// Source: ScramControlManager.alterCredentials.

import type { StoredScramCredential } from '../metadata/image.ts';
import { Refusal } from '../metadata/refusal.ts';
import type { ScramCredentials, ScramDeletion } from '../metadata/scram-credentials.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type AlterUserScramCredentialsRequest,
  type AlterUserScramCredentialsResponseInput,
  alterUserScramCredentials,
} from '../protocol/messages/alter-user-scram-credentials.ts';
import {
  credentialFromSaltedPassword,
  SCRAM_ITERATIONS_MAX,
  SCRAM_ITERATIONS_MIN,
  scramMechanismOf,
} from '../security/scram-credential.ts';
import type { ApiHandler } from './api.ts';

type Dependencies = { readonly scramCredentials: ScramCredentials };
type Upsertion = AlterUserScramCredentialsRequest['upsertions'][number];

export function alterUserScramCredentialsHandler({
  scramCredentials,
}: Dependencies): ApiHandler<AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponseInput> {
  return {
    api: alterUserScramCredentials,
    minVersion: 0,
    maxVersion: 0,
    async dispatch(request, _context, reply) {
      const refusals = objections(request);
      const isFine = ({ name }: { name: string }) => !refusals.has(name);
      const stored = await scramCredentials.alter(
        request.deletions
          .filter(isFine)
          .map(({ name, mechanism }): ScramDeletion => ({ user: name, mechanism: scramMechanismOf(mechanism)! })),
        request.upsertions.filter(isFine).map(credentialOf),
      );
      reply(answer(request, (user) => refusals.get(user) ?? stored.get(user)));
    },
    failed: (request, errorCode) => answer(request, () => new Refusal(errorCode as ErrorCode)),
  };
}

function answer(
  { deletions, upsertions }: AlterUserScramCredentialsRequest,
  refusalOf: (user: string) => Refusal | undefined,
): AlterUserScramCredentialsResponseInput {
  const users = new Set([...deletions, ...upsertions].map(({ name }) => name));
  const results = [...users].map((user) => {
    const refusal = refusalOf(user);
    return { user, errorCode: refusal?.errorCode ?? ErrorCode.NONE, errorMessage: refusal?.errorMessage ?? null };
  });
  return { throttleTimeMs: 0, results };
}

/** By user, before anything stored is looked at. */
function objections({ deletions, upsertions }: AlterUserScramCredentialsRequest): Map<string, Refusal> {
  const refusals = new Map<string, Refusal>();
  const seen = new Set<string>();
  const refuse = (user: string, errorCode: ErrorCode, what: string) => {
    if (!refusals.has(user)) refusals.set(user, new Refusal(errorCode, what));
  };
  for (const change of [...deletions, ...upsertions] as (Pick<Upsertion, 'name' | 'mechanism'> &
    Partial<Upsertion>)[]) {
    const { name, mechanism } = change;
    if (name === '') refuse(name, ErrorCode.UNACCEPTABLE_CREDENTIAL, 'Username must not be empty');
    if (!scramMechanismOf(mechanism)) refuse(name, ErrorCode.UNSUPPORTED_SASL_MECHANISM, 'Unknown SCRAM mechanism');
    const { iterations } = change;
    if (iterations !== undefined) {
      if (iterations < SCRAM_ITERATIONS_MIN) refuse(name, ErrorCode.UNACCEPTABLE_CREDENTIAL, 'Too few iterations');
      if (iterations > SCRAM_ITERATIONS_MAX) refuse(name, ErrorCode.UNACCEPTABLE_CREDENTIAL, 'Too many iterations');
    }
    const key = `${mechanism}:${name}`;
    if (seen.has(key)) {
      const twice = 'A user credential cannot be altered twice in the same request';
      refusals.set(name, new Refusal(ErrorCode.DUPLICATE_RESOURCE, twice));
    }
    seen.add(key);
  }
  return refusals;
}

function credentialOf({ name, mechanism: code, iterations, salt, saltedPassword }: Upsertion): StoredScramCredential {
  const mechanism = scramMechanismOf(code)!;
  const made = credentialFromSaltedPassword(mechanism, Buffer.from(saltedPassword), Buffer.from(salt), iterations);
  return {
    user: name,
    mechanism,
    iterations,
    salt: made.salt.toString('base64'),
    storedKey: made.storedKey.toString('base64'),
    serverKey: made.serverKey.toString('base64'),
  };
}
