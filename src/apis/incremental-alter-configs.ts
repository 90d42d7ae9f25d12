// IncrementalAlterConfigs, versions 0 and 1: SET, DELETE, APPEND and SUBTRACT on configs of topics, this broker, the
// cluster-wide defaults, groups and client-metrics subscriptions.
//
// Behaviour: each resource on its own, all of it or nothing; what succeeds is durable and in force when it is answered.
// Broker keys that cannot change while running: INVALID_REQUEST, as in Kafka. Deviations: broker keys without meaning
// here, and unknown ones, are INVALID_CONFIG with the nearest name unless removed or set to their default (Kafka stores an
// unknown one for the default broker); log levels cannot be changed; an unknown operation is INVALID_REQUEST (Kafka:
// UNKNOWN_SERVER_ERROR).
// KIPs: 339, 226, 1043.
import type { Alterations, KeyChange, ResourceChange } from '../metadata/configs/alterations.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type IncrementalAlterConfigsRequest,
  type IncrementalAlterConfigsResponseInput,
  incrementalAlterConfigs,
} from '../protocol/messages/incremental-alter-configs.ts';
import type { ApiHandler } from './api.ts';
import { type AlterationAnswer, alterResources } from './config-alteration.ts';

type Dependencies = { readonly alterations: Alterations; readonly nodeId: number };
type Resource = IncrementalAlterConfigsRequest['resources'][number];

const OPERATIONS: readonly KeyChange['operation'][] = ['SET', 'DELETE', 'APPEND', 'SUBTRACT'];

export function incrementalAlterConfigsHandler(
  dependencies: Dependencies,
): ApiHandler<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponseInput> {
  const { alterations, nodeId } = dependencies;
  return {
    api: incrementalAlterConfigs,
    minVersion: 0,
    maxVersion: 1,
    async dispatch(request, _context, reply) {
      const known = request.resources.filter((resource) => unknownOperation(resource) === undefined);
      const answers = await alterResources(alterations, nodeId, known.map(changeOf), request.validateOnly);
      const byResource = new Map(known.map((resource, index) => [resource, answers[index] as AlterationAnswer]));
      const responses = request.resources.map((resource) => byResource.get(resource) ?? refused(resource));
      reply({ throttleTimeMs: 0, responses });
    },
    failed: ({ resources }, errorCode) => ({
      throttleTimeMs: 0,
      responses: resources.map(({ resourceType, resourceName }) => {
        return { errorCode, errorMessage: null, resourceType, resourceName };
      }),
    }),
  };
}

function changeOf(resource: Resource): ResourceChange {
  return {
    resource: { type: resource.resourceType, name: resource.resourceName },
    keys: resource.configs.map(({ name, configOperation, value }) => ({
      name,
      operation: OPERATIONS[configOperation]!,
      value,
    })),
    replaceAll: false,
  };
}

function unknownOperation(resource: Resource): number | undefined {
  return resource.configs.find((config) => OPERATIONS[config.configOperation] === undefined)?.configOperation;
}

function refused(resource: Resource): AlterationAnswer {
  return {
    errorCode: ErrorCode.INVALID_REQUEST,
    errorMessage: `Unknown operation type ${unknownOperation(resource)}`,
    resourceType: resource.resourceType,
    resourceName: resource.resourceName,
  };
}
