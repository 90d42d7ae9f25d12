// DescribeUserScramCredentials, version 0.
//
// Behaviour: which mechanisms a user can log in by, and their iterations; never the credential. null or no users means all of them.
// Deviations: none known. KIPs: 554. Source: ScramImage.describe.
import type { ScramCredentials } from '../metadata/scram-credentials.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type DescribeUserScramCredentialsRequest,
  type DescribeUserScramCredentialsResponseInput,
  describeUserScramCredentials,
} from '../protocol/messages/describe-user-scram-credentials.ts';
import { SCRAM_MECHANISM_CODES } from '../security/scram-credential.ts';
import type { ApiHandler } from './api.ts';
import { splitRepeated } from './repeated.ts';

type Dependencies = { readonly scramCredentials: ScramCredentials };
type Result = DescribeUserScramCredentialsResponseInput['results'][number];

export function describeUserScramCredentialsHandler({
  scramCredentials,
}: Dependencies): ApiHandler<DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponseInput> {
  return {
    api: describeUserScramCredentials,
    minVersion: 0,
    maxVersion: 0,
    dispatch({ users }, _context, reply) {
      const known = new Map<string, { mechanism: number; iterations: number }[]>();
      for (const { user, mechanism, iterations } of scramCredentials.all()) {
        const infos = known.get(user) ?? [];
        infos.push({ mechanism: SCRAM_MECHANISM_CODES[mechanism], iterations });
        known.set(user, infos);
      }
      const asked = users === null || users.length === 0 ? [...known.keys()] : users.map(({ name }) => name);
      const { once, repeated } = splitRepeated(asked, (name) => name);
      const results = [
        ...repeated.map((user) => {
          const twice = `Cannot describe SCRAM credentials for the same user twice in a single request: ${user}`;
          return refused(user, ErrorCode.DUPLICATE_RESOURCE, twice);
        }),
        ...once.map((user): Result => {
          const credentialInfos = known.get(user);
          if (credentialInfos) return { user, errorCode: ErrorCode.NONE, errorMessage: null, credentialInfos };
          const unknown = `Attempt to describe a user credential that does not exist: ${user}`;
          return refused(user, ErrorCode.RESOURCE_NOT_FOUND, unknown);
        }),
      ];
      reply({ throttleTimeMs: 0, errorCode: ErrorCode.NONE, errorMessage: null, results });
    },
    // As Kafka, with as many results as were asked for, but without names.
    failed: ({ users }, errorCode) => ({
      throttleTimeMs: 0,
      errorCode,
      errorMessage: null,
      results: (users ?? []).map(() => refused('', errorCode, null)),
    }),
  };
}

function refused(user: string, errorCode: number, errorMessage: string | null): Result {
  return { user, errorCode, errorMessage, credentialInfos: [] };
}
