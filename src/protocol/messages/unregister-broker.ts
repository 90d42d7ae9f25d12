// UnregisterBroker: takes a broker out of the cluster's registry.
import { defineApi, type RequestInputOf, type RequestOf, type ResponseInputOf, type ResponseOf } from '../api.ts';
import { int16, int32, string } from '../schema.ts';

export const unregisterBroker = defineApi({
  key: 64,
  name: 'UnregisterBroker',
  versions: '0',
  flexible: '0+',
  request: {
    brokerId: int32(),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    errorMessage: string({ nullable: true }),
  },
});

export type UnregisterBrokerRequest = RequestOf<typeof unregisterBroker>;
export type UnregisterBrokerResponse = ResponseOf<typeof unregisterBroker>;
export type UnregisterBrokerRequestInput = RequestInputOf<typeof unregisterBroker>;
export type UnregisterBrokerResponseInput = ResponseInputOf<typeof unregisterBroker>;
