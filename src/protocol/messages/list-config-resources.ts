// ListConfigResources: the resources of some types that have configs; only client metrics in version 0.
import { defineApi, type RequestInputOf, type RequestOf, type ResponseInputOf, type ResponseOf } from '../api.ts';
import { array, int8, int16, int32, string, structs } from '../schema.ts';

export const listConfigResources = defineApi({
  key: 74,
  name: 'ListConfigResources',
  versions: '0-1',
  flexible: '0+',
  request: {
    resourceTypes: array(int8(), { versions: '1+' }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16(),
    configResources: structs({
      resourceName: string(),
      resourceType: int8({ versions: '1+', default: 16 }),
    }),
  },
});

export type ListConfigResourcesRequest = RequestOf<typeof listConfigResources>;
export type ListConfigResourcesResponse = ResponseOf<typeof listConfigResources>;
export type ListConfigResourcesRequestInput = RequestInputOf<typeof listConfigResources>;
export type ListConfigResourcesResponseInput = ResponseInputOf<typeof listConfigResources>;
