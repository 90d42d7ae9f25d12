// The list of APIs that this broker answers. A new API is one more line here; ApiVersions then claims it.
import type { GroupCoordinator } from '../group/coordinator.ts';
import { Acls } from '../metadata/acls.ts';
import { ClientQuotas } from '../metadata/client-quotas.ts';
import { Alterations } from '../metadata/configs/alterations.ts';
import type { Configs } from '../metadata/configs/configs.ts';
import type { DelegationTokens } from '../metadata/delegation-tokens.ts';
import type { Metadata } from '../metadata/image.ts';
import type { ProducerIds } from '../metadata/producer-ids.ts';
import { ScramCredentials } from '../metadata/scram-credentials.ts';
import type { Topics } from '../metadata/topics.ts';
import type { WriteMarker } from '../partition/end-marker.ts';
import type { Partitions } from '../partition/partitions.ts';
import type { Files } from '../runtime/files.ts';
import type { Clock, LogLines, Random, Timers } from '../runtime/runtime.ts';
import type { Authorizer } from '../security/authorizer.ts';
import type { TokenSecrets } from '../security/token-secrets.ts';
import type { Storage } from '../storage/storage.ts';
import type { TransactionCoordinator } from '../transaction/coordinator.ts';
import { addOffsetsToTxnHandler } from './add-offsets-to-txn.ts';
import { addPartitionsToTxnHandler } from './add-partitions-to-txn.ts';
import { alterClientQuotasHandler } from './alter-client-quotas.ts';
import { alterConfigsHandler } from './alter-configs.ts';
import { alterPartitionReassignmentsHandler } from './alter-partition-reassignments.ts';
import { alterReplicaLogDirsHandler } from './alter-replica-log-dirs.ts';
import { alterUserScramCredentialsHandler } from './alter-user-scram-credentials.ts';
import { apiVersionsHandler } from './api-versions.ts';
import { authorized } from './authorization/authorization.ts';
import { everyAuthorization } from './authorization/every-authorization.ts';
import { consumerGroupDescribeHandler } from './consumer-group-describe.ts';
import { consumerGroupHeartbeatHandler } from './consumer-group-heartbeat.ts';
import { createAclsHandler } from './create-acls.ts';
import { createDelegationTokenHandler } from './create-delegation-token.ts';
import { createPartitionsHandler } from './create-partitions.ts';
import { createTopicsHandler } from './create-topics.ts';
import { deleteAclsHandler } from './delete-acls.ts';
import { deleteGroupsHandler } from './delete-groups.ts';
import { deleteRecordsHandler } from './delete-records.ts';
import { deleteTopicsHandler } from './delete-topics.ts';
import { describeAclsHandler } from './describe-acls.ts';
import { describeClientQuotasHandler } from './describe-client-quotas.ts';
import { describeClusterHandler } from './describe-cluster.ts';
import { describeConfigsHandler } from './describe-configs.ts';
import { describeDelegationTokenHandler } from './describe-delegation-token.ts';
import { describeGroupsHandler } from './describe-groups.ts';
import { describeLogDirsHandler } from './describe-log-dirs.ts';
import { describeProducersHandler } from './describe-producers.ts';
import { describeQuorumHandler } from './describe-quorum.ts';
import { describeTopicPartitionsHandler } from './describe-topic-partitions.ts';
import { describeTransactionsHandler } from './describe-transactions.ts';
import { describeUserScramCredentialsHandler } from './describe-user-scram-credentials.ts';
import { electLeadersHandler } from './elect-leaders.ts';
import { endTxnHandler } from './end-txn.ts';
import { expireDelegationTokenHandler } from './expire-delegation-token.ts';
import { features } from './features.ts';
import { fetchHandler } from './fetch.ts';
import { findCoordinatorHandler } from './find-coordinator.ts';
import { heartbeatHandler } from './heartbeat.ts';
import { incrementalAlterConfigsHandler } from './incremental-alter-configs.ts';
import { initProducerIdHandler } from './init-producer-id.ts';
import { joinGroupHandler } from './join-group.ts';
import { leaveGroupHandler } from './leave-group.ts';
import { listConfigResourcesHandler } from './list-config-resources.ts';
import { listGroupsHandler } from './list-groups.ts';
import { listOffsetsHandler } from './list-offsets.ts';
import { listPartitionReassignmentsHandler } from './list-partition-reassignments.ts';
import { listTransactionsHandler } from './list-transactions.ts';
import { metadataHandler } from './metadata.ts';
import { offsetCommitHandler } from './offset-commit.ts';
import { offsetDeleteHandler } from './offset-delete.ts';
import { offsetFetchHandler } from './offset-fetch.ts';
import { offsetForLeaderEpochHandler } from './offset-for-leader-epoch.ts';
import { produceHandler } from './produce.ts';
import { type AnyApiHandler, Registry } from './registry.ts';
import { renewDelegationTokenHandler } from './renew-delegation-token.ts';
import { saslAuthenticateHandler } from './sasl-authenticate.ts';
import { saslHandshakeHandler } from './sasl-handshake.ts';
import { syncGroupHandler } from './sync-group.ts';
import { Throttling } from './throttling.ts';
import { txnOffsetCommitHandler } from './txn-offset-commit.ts';
import { unregisterBrokerHandler } from './unregister-broker.ts';
import { updateFeaturesHandler } from './update-features.ts';
import { writeTxnMarkersHandler } from './write-txn-markers.ts';

/** Everything that some API needs; each takes its own part. */
export interface ApiSurroundings {
  readonly metadata: Metadata;
  readonly configs: Configs;
  readonly topics: Topics;
  readonly partitions: Partitions;
  readonly storage: Storage;
  readonly groups: GroupCoordinator;
  readonly transactions: TransactionCoordinator;
  readonly producerIds: ProducerIds;
  readonly writeMarker: WriteMarker;
  readonly files: Files;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: LogLines;
  readonly brokerId: number;
  /** What clients see as the log directory. */
  readonly logDirectory: string;
  /** Undefined: everybody may do everything. */
  readonly authorizer: Authorizer | undefined;
  readonly tokens: DelegationTokens;
  /** Undefined: there are no delegation tokens. */
  readonly tokenSecrets: TokenSecrets | undefined;
  readonly failedLoginDelayMs: number;
}

export function registryOf(surroundings: ApiSurroundings): Registry {
  const { metadata, configs, brokerId } = surroundings;
  const { authorizer } = surroundings;
  const throttling = new Throttling({ metadata, clock: surroundings.clock, settings: configs.broker });
  const registry = new Registry([], (handler) => throttling.around(asked(handler)));
  const asked = (handler: AnyApiHandler): AnyApiHandler => {
    if (!authorizer) return handler;
    const authorization = everyAuthorization[handler.api.name];
    if (!authorization) throw new Error(`nothing says what ${handler.api.name} asks the authorizer`);
    return authorized(handler, authorization, authorizer, { metadata, configs });
  };
  const all = {
    ...surroundings,
    nodeId: brokerId,
    alterations: new Alterations(metadata, configs),
    features: features(metadata),
    settings: configs.broker,
    registry,
    mutations: throttling.mutations,
    clientQuotas: new ClientQuotas(metadata),
    acls: new Acls(metadata, surroundings.random),
    scramCredentials: new ScramCredentials(metadata),
  };
  // In order of the API key.
  registry.add(produceHandler(all));
  registry.add(fetchHandler(all));
  registry.add(listOffsetsHandler(all));
  registry.add(metadataHandler(all));
  registry.add(offsetCommitHandler(all));
  registry.add(offsetFetchHandler(all));
  registry.add(findCoordinatorHandler(all));
  registry.add(joinGroupHandler(all));
  registry.add(heartbeatHandler(all));
  registry.add(leaveGroupHandler(all));
  registry.add(syncGroupHandler(all));
  registry.add(describeGroupsHandler(all));
  registry.add(listGroupsHandler(all));
  registry.add(saslHandshakeHandler(all));
  registry.add(apiVersionsHandler(all));
  registry.add(createTopicsHandler(all));
  registry.add(deleteTopicsHandler(all));
  registry.add(deleteRecordsHandler(all));
  registry.add(initProducerIdHandler(all));
  registry.add(offsetForLeaderEpochHandler(all));
  registry.add(describeAclsHandler(all));
  registry.add(createAclsHandler(all));
  registry.add(deleteAclsHandler(all));
  registry.add(addPartitionsToTxnHandler(all));
  registry.add(addOffsetsToTxnHandler(all));
  registry.add(endTxnHandler(all));
  registry.add(txnOffsetCommitHandler(all));
  registry.add(writeTxnMarkersHandler(all));
  registry.add(describeConfigsHandler(all));
  registry.add(alterConfigsHandler(all));
  registry.add(alterReplicaLogDirsHandler(all));
  registry.add(describeLogDirsHandler(all));
  registry.add(saslAuthenticateHandler(all));
  registry.add(createPartitionsHandler(all));
  registry.add(createDelegationTokenHandler(all));
  registry.add(renewDelegationTokenHandler(all));
  registry.add(expireDelegationTokenHandler(all));
  registry.add(describeDelegationTokenHandler(all));
  registry.add(deleteGroupsHandler(all));
  registry.add(electLeadersHandler(all));
  registry.add(incrementalAlterConfigsHandler(all));
  registry.add(alterPartitionReassignmentsHandler(all));
  registry.add(listPartitionReassignmentsHandler());
  registry.add(offsetDeleteHandler(all));
  registry.add(describeClientQuotasHandler(all));
  registry.add(alterClientQuotasHandler(all));
  registry.add(describeUserScramCredentialsHandler(all));
  registry.add(alterUserScramCredentialsHandler(all));
  registry.add(describeQuorumHandler(all));
  registry.add(updateFeaturesHandler(all));
  registry.add(describeClusterHandler(all));
  registry.add(describeProducersHandler(all));
  registry.add(unregisterBrokerHandler(all));
  registry.add(describeTransactionsHandler(all));
  registry.add(listTransactionsHandler(all));
  registry.add(consumerGroupHeartbeatHandler(all));
  registry.add(consumerGroupDescribeHandler(all));
  registry.add(listConfigResourcesHandler(all));
  registry.add(describeTopicPartitionsHandler(all));
  return registry;
}
