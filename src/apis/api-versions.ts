// ApiVersions, versions 0 to 4.
//
// Behaviour: claims exactly what the registry holds, and the features that are in force. A request of an unknown version
// never gets here: server/request.ts answers it in version 0 (KIP-511). A software name or version that is not made of letters,
// digits, '-' and '.' is answered INVALID_REQUEST. Features whose minimum is 0 are left out before version 4, because
// older Java clients cannot read them (KAFKA-17011).
//
// Deviations: none known. KIPs: 35, 511 (software name and version), 584 (features).
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type ApiVersionsRequest,
  type ApiVersionsResponseInput,
  apiVersions,
} from '../protocol/messages/api-versions.ts';
import type { ApiHandler, RequestContext } from './api.ts';
import type { Features } from './features.ts';
import type { Registry } from './registry.ts';

type Dependencies = {
  readonly registry: Registry;
  readonly features: Features;
};

const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;
const FIRST_VERSION_WITH_SOFTWARE = 3;
const FIRST_VERSION_WITH_ZERO_FEATURES = 4;

export function apiVersionsHandler(
  dependencies: Dependencies,
): ApiHandler<ApiVersionsRequest, ApiVersionsResponseInput> {
  return {
    api: apiVersions,
    minVersion: 0,
    maxVersion: 4,
    dispatch(request, context, reply) {
      if (context.apiVersion >= FIRST_VERSION_WITH_SOFTWARE) {
        const { clientSoftwareName, clientSoftwareVersion } = request;
        if (!SOFTWARE.test(clientSoftwareName) || !SOFTWARE.test(clientSoftwareVersion)) {
          reply({ errorCode: ErrorCode.INVALID_REQUEST, apiKeys: [] });
          return;
        }
        context.connection.softwareName = clientSoftwareName;
        context.connection.softwareVersion = clientSoftwareVersion;
      }
      reply(answer(dependencies, context));
    },
  };
}

function answer({ registry, features }: Dependencies, { apiVersion }: RequestContext): ApiVersionsResponseInput {
  const finalized = features.finalized();
  return {
    errorCode: ErrorCode.NONE,
    apiKeys: registry.versions,
    supportedFeatures: features.supported.filter(
      ({ minVersion }) => minVersion > 0 || apiVersion >= FIRST_VERSION_WITH_ZERO_FEATURES,
    ),
    finalizedFeaturesEpoch: features.epoch(),
    finalizedFeatures: finalized.map(({ name, level }) => ({ name, maxVersionLevel: level, minVersionLevel: level })),
  };
}
