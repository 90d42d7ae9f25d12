// AlterConfigs, versions 0 to 2: replaces all configs of a resource by the ones given; the older sister of
// IncrementalAlterConfigs, with the same refusals. Deviations: as there. KIP-133.
import type { Alterations } from '../metadata/configs/alterations.ts';
import {
  type AlterConfigsRequest,
  type AlterConfigsResponseInput,
  alterConfigs,
} from '../protocol/messages/alter-configs.ts';
import type { ApiHandler } from './api.ts';
import { alterResources } from './config-alteration.ts';

type Dependencies = { readonly alterations: Alterations; readonly nodeId: number };

export function alterConfigsHandler(
  dependencies: Dependencies,
): ApiHandler<AlterConfigsRequest, AlterConfigsResponseInput> {
  const { alterations, nodeId } = dependencies;
  return {
    api: alterConfigs,
    minVersion: 0,
    maxVersion: 2,
    async dispatch(request, _context, reply) {
      const changes = request.resources.map(({ resourceType, resourceName, configs }) => ({
        resource: { type: resourceType, name: resourceName },
        keys: configs.map(({ name, value }) => ({ name, value, operation: 'SET' as const })),
        replaceAll: true,
      }));
      const responses = await alterResources(alterations, nodeId, changes, request.validateOnly);
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
