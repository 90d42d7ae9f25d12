// PushTelemetry: client metrics (KIP-714).
import { defineApi, type RequestInputOf, type RequestOf, type ResponseInputOf, type ResponseOf } from '../api.ts';
import { bool, bytes, int8, int16, int32, uuid } from '../schema.ts';

export const pushTelemetry = defineApi({
  key: 72,
  name: 'PushTelemetry',
  versions: '0',
  flexible: '0+',
  request: {
    clientInstanceId: uuid(),
    subscriptionId: int32(),
    terminating: bool(),
    compressionType: int8(),
    metrics: bytes(),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
  },
});

export type PushTelemetryRequest = RequestOf<typeof pushTelemetry>;
export type PushTelemetryResponse = ResponseOf<typeof pushTelemetry>;
export type PushTelemetryRequestInput = RequestInputOf<typeof pushTelemetry>;
export type PushTelemetryResponseInput = ResponseInputOf<typeof pushTelemetry>;
