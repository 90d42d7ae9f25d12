// UpdateFeatures, versions 0 to 2.
//
// Behaviour: all updates or none. A feature that is not supported, a level out of its range, a downgrade without permission
// or an upgrade in the clothes of a downgrade is INVALID_UPDATE_VERSION; so is any lower metadata.version (Kafka's from 4.3
// on would all lose metadata). The level that is in force already succeeds.
//
// Deviations: levels in force cannot be changed (each feature works at its highest level only), so a permitted
// change within a feature's range is refused with FEATURE_UPDATE_FAILED, in a dry run too. KIPs: 584, 778. Source: FeatureControlManager.updateFeatures.
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type UpdateFeaturesRequest,
  type UpdateFeaturesResponseInput,
  updateFeatures,
} from '../protocol/messages/update-features.ts';
import type { ApiHandler } from './api.ts';
import { type Features, METADATA_VERSION } from './features.ts';

type Dependencies = {
  readonly features: Features;
  readonly brokerId: number;
};

type Update = UpdateFeaturesRequest['featureUpdates'][number];
type Failure = { readonly errorCode: ErrorCode; readonly message: string };

const UpgradeType = { UPGRADE: 1, SAFE_DOWNGRADE: 2, UNSAFE_DOWNGRADE: 3 } as const;
const FIRST_VERSION_WITH_UPGRADE_TYPE = 1;
const FIRST_VERSION_WITHOUT_RESULTS = 2;

export function updateFeaturesHandler(
  dependencies: Dependencies,
): ApiHandler<UpdateFeaturesRequest, UpdateFeaturesResponseInput> {
  return {
    api: updateFeatures,
    minVersion: 0,
    maxVersion: 2,
    dispatch(request, context, reply) {
      const failure = request.featureUpdates
        .map((update) => check(dependencies, update, upgradeTypeOf(update, context.apiVersion)))
        .find((found) => found !== undefined);
      if (failure) {
        const errorMessage = `The update failed for all features since the following feature had an error: ${failure.message}`;
        reply({ throttleTimeMs: 0, errorCode: failure.errorCode, errorMessage, results: [] });
        return;
      }
      const withResults = context.apiVersion < FIRST_VERSION_WITHOUT_RESULTS;
      reply({
        throttleTimeMs: 0,
        errorCode: ErrorCode.NONE,
        errorMessage: null,
        results: (withResults ? request.featureUpdates : []).map(({ feature }) => ({
          feature,
          errorCode: ErrorCode.NONE,
          // Kafka's word for no error.
          errorMessage: 'NONE',
        })),
      });
    },
  };
}

function upgradeTypeOf({ allowDowngrade, upgradeType }: Update, version: number): number {
  if (version >= FIRST_VERSION_WITH_UPGRADE_TYPE) {
    return upgradeType;
  }
  return allowDowngrade ? UpgradeType.SAFE_DOWNGRADE : UpgradeType.UPGRADE;
}

function check(
  { features, brokerId }: Dependencies,
  { feature, maxVersionLevel: level }: Update,
  upgradeType: number,
): Failure | undefined {
  const refuse = (why: string): Failure => ({
    errorCode: ErrorCode.INVALID_UPDATE_VERSION,
    message: `Invalid update version ${level} for feature ${feature}. ${why}`,
  });
  const supported = features.supported.find(({ name }) => name === feature);
  const current = features.finalized().find(({ name }) => name === feature)?.level ?? 0;
  if (upgradeType < UpgradeType.UPGRADE || upgradeType > UpgradeType.UNSAFE_DOWNGRADE) {
    return refuse('The controller does not support the given upgrade type.');
  }
  if (level < 0) {
    return refuse('A feature version cannot be less than 0.');
  }
  if (supported === undefined) {
    if (level === 0) return refuse(`Feature ${feature} not found.`);
    return refuse(`Local controller ${brokerId} does not support this feature.`);
  }
  if ((level !== 0 || feature === METADATA_VERSION) && (level < supported.minVersion || level > supported.maxVersion)) {
    const range = `${supported.minVersion}-${supported.maxVersion}`;
    return refuse(`Local controller ${brokerId} only supports versions ${range}`);
  }
  if (level < current && upgradeType === UpgradeType.UPGRADE) {
    return refuse(
      "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.",
    );
  }
  if (level > current && upgradeType !== UpgradeType.UPGRADE) {
    return refuse("Can't downgrade to a newer version.");
  }
  if (level < current && feature === METADATA_VERSION) return refuseMetadataDowngrade(current, level, upgradeType);
  return level === current
    ? undefined
    : { errorCode: ErrorCode.FEATURE_UPDATE_FAILED, message: `${feature} stays at level ${current} on this broker.` };
}

function refuseMetadataDowngrade(current: number, level: number, upgradeType: number): Failure {
  const why =
    upgradeType === UpgradeType.UNSAFE_DOWNGRADE
      ? 'Unsafe metadata downgrade is not supported in this version.'
      : 'Refusing to perform the requested downgrade because it might delete metadata information.';
  const message = `Unsupported metadata.version downgrade from ${current} to ${level}. ${why}`;
  return { errorCode: ErrorCode.INVALID_UPDATE_VERSION, message };
}
