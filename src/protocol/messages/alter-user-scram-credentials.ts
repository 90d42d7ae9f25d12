// AlterUserScramCredentials: sets or deletes SCRAM credentials.
import { defineApi, type RequestInputOf, type RequestOf, type ResponseInputOf, type ResponseOf } from '../api.ts';
import { bytes, int8, int16, int32, string, structs } from '../schema.ts';

export const alterUserScramCredentials = defineApi({
  key: 51,
  name: 'AlterUserScramCredentials',
  versions: '0',
  flexible: '0+',
  request: {
    deletions: structs({
      name: string(),
      mechanism: int8(),
    }),
    upsertions: structs({
      name: string(),
      mechanism: int8(),
      iterations: int32(),
      salt: bytes(),
      saltedPassword: bytes(),
    }),
  },
  response: {
    throttleTimeMs: int32(),
    results: structs({
      user: string(),
      errorCode: int16(),
      errorMessage: string({ nullable: true }),
    }),
  },
});

export type AlterUserScramCredentialsRequest = RequestOf<typeof alterUserScramCredentials>;
export type AlterUserScramCredentialsResponse = ResponseOf<typeof alterUserScramCredentials>;
export type AlterUserScramCredentialsRequestInput = RequestInputOf<typeof alterUserScramCredentials>;
export type AlterUserScramCredentialsResponseInput = ResponseInputOf<typeof alterUserScramCredentials>;
