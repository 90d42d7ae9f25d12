// ExpireDelegationToken: shortens the life of a delegation token.
import { defineApi, type RequestInputOf, type RequestOf, type ResponseInputOf, type ResponseOf } from '../api.ts';
import { bytes, int16, int32, int64 } from '../schema.ts';

export const expireDelegationToken = defineApi({
  key: 40,
  name: 'ExpireDelegationToken',
  versions: '1-2',
  flexible: '2+',
  request: {
    hmac: bytes(),
    expiryTimePeriodMs: int64(),
  },
  response: {
    errorCode: int16(),
    expiryTimestampMs: int64(),
    throttleTimeMs: int32(),
  },
});

export type ExpireDelegationTokenRequest = RequestOf<typeof expireDelegationToken>;
export type ExpireDelegationTokenResponse = ResponseOf<typeof expireDelegationToken>;
export type ExpireDelegationTokenRequestInput = RequestInputOf<typeof expireDelegationToken>;
export type ExpireDelegationTokenResponseInput = ResponseInputOf<typeof expireDelegationToken>;
