// ListConfigResources, versions 0 and 1: which resources have configs. Version 0 lists client-metrics subscriptions,
// version 1 the types asked for, or all. Groups and subscriptions are listed when they have configs; topics and brokers
// always. A type Kafka does not list: UNSUPPORTED_VERSION. Deviations: none known. KIPs: 714, 1142.
import { ResourceType } from '../metadata/configs/config-resource.ts';
import type { Image, Metadata } from '../metadata/image.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type ListConfigResourcesRequest,
  type ListConfigResourcesResponseInput,
  listConfigResources,
} from '../protocol/messages/list-config-resources.ts';
import type { ApiHandler } from './api.ts';

type Dependencies = { readonly metadata: Pick<Metadata, 'image'> };

const ALL_TYPES: readonly number[] = Object.values(ResourceType);

export function listConfigResourcesHandler(
  dependencies: Dependencies,
): ApiHandler<ListConfigResourcesRequest, ListConfigResourcesResponseInput> {
  return {
    api: listConfigResources,
    minVersion: 0,
    maxVersion: 1,
    dispatch(request, context, reply) {
      const asked = context.apiVersion === 0 ? [ResourceType.CLIENT_METRICS] : request.resourceTypes;
      const types = new Set(asked.length === 0 ? ALL_TYPES : asked);
      if ([...types].some((type) => !ALL_TYPES.includes(type))) {
        return reply({ throttleTimeMs: 0, errorCode: ErrorCode.UNSUPPORTED_VERSION, configResources: [] });
      }
      const configResources = [...types].flatMap((resourceType) =>
        namesOf(dependencies.metadata.image, resourceType).map((resourceName) => ({ resourceName, resourceType })),
      );
      reply({ throttleTimeMs: 0, errorCode: ErrorCode.NONE, configResources });
    },
  };
}

function namesOf(image: Image, type: number): string[] {
  switch (type) {
    case ResourceType.TOPIC:
      return [...image.topics.keys()];
    case ResourceType.BROKER:
    case ResourceType.BROKER_LOGGER:
      return [...image.brokers.keys()].map(String);
    case ResourceType.GROUP:
      return configured(image, 'group:');
    default:
      return configured(image, 'client-metrics:');
  }
}

function configured(image: Image, prefix: string): string[] {
  return [...image.configs.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
}
