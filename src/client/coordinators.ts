// Where the coordinator of a group or of a transactional id is. Asked for each time: a coordinator may move, and the answer is cheap.
import { findCoordinator } from '../protocol/messages/find-coordinator.ts';
import type { Client } from './client.ts';
import { throwOnError } from './client-error.ts';

const KeyType = { GROUP: 0, TRANSACTION: 1 } as const;

/** The broker that coordinates a group. */
export function groupCoordinator(client: Client, groupId: string): Promise<number> {
  return find(client, groupId, KeyType.GROUP, `the coordinator of group ${groupId} cannot be found`);
}

/** The broker that coordinates a transactional id. */
export function transactionCoordinator(client: Client, transactionalId: string): Promise<number> {
  return find(
    client,
    transactionalId,
    KeyType.TRANSACTION,
    `the coordinator of transactional id ${transactionalId} cannot be found`,
  );
}

function find(client: Client, key: string, keyType: number, failure: string): Promise<number> {
  return client.retrying(async () => {
    const response = await client.request(findCoordinator, { key, keyType, coordinatorKeys: [key] });
    // Before version 4 the answer is about the one key.
    const found = response.coordinators[0] ?? response;
    throwOnError(found.errorCode, failure, found.errorMessage);
    if (client.cluster.brokers.every(({ id }) => id !== found.nodeId)) await client.refreshMetadata([]);
    return found.nodeId;
  });
}
