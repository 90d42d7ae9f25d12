// RenewDelegationToken: lengthens the life of a delegation token.
import { defineApi, type RequestInputOf, type RequestOf, type ResponseInputOf, type ResponseOf } from '../api.ts';
import { bytes, int16, int32, int64 } from '../schema.ts';

export const renewDelegationToken = defineApi({
  key: 39,
  name: 'RenewDelegationToken',
  versions: '1-2',
  flexible: '2+',
  request: {
    hmac: bytes(),
    renewPeriodMs: int64(),
  },
  response: {
    errorCode: int16(),
    expiryTimestampMs: int64(),
    throttleTimeMs: int32(),
  },
});

export type RenewDelegationTokenRequest = RequestOf<typeof renewDelegationToken>;
export type RenewDelegationTokenResponse = ResponseOf<typeof renewDelegationToken>;
export type RenewDelegationTokenRequestInput = RequestInputOf<typeof renewDelegationToken>;
export type RenewDelegationTokenResponseInput = ResponseInputOf<typeof renewDelegationToken>;
