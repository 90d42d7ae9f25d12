// Makes consumer groups, new ones and those that take over a classic group with members.
import { Refusal } from '../metadata/refusal.ts';
import type { ConsumerGroupHeartbeatRequest } from '../protocol/messages/consumer-group-heartbeat.ts';
import { ConsumerGroup } from './consumer-group.ts';
import { checkHeartbeat } from './consumer-group-heartbeat.ts';
import { checkUpgrade } from './consumer-group-migration.ts';
import type { ConsumerGroupWorld } from './consumer-group-world.ts';
import type { Effect } from './effects.ts';
import type { UpgradableGroup } from './migration.ts';

export interface Refused {
  readonly errorCode: number;
  readonly errorMessage: string | null;
}

/** What a heartbeat is refused for whatever the group is, also one that does not exist; null: nothing. */
export function refusedHeartbeat(
  request: ConsumerGroupHeartbeatRequest,
  apiVersion: number,
  assignors: readonly string[],
): Refused | null {
  return refusalOf(() => checkHeartbeat(request, apiVersion, assignors));
}

/**
 * A consumer group with the members of a classic one, or an error code when that may not be. The classic machine answers
 * what waits in it and is used no more. `request`, when given, is the heartbeat that is the reason: if it would be refused
 * by the new group, nothing is changed and its error code is returned.
 */
export function upgradeToConsumerGroup(
  classic: UpgradableGroup,
  world: ConsumerGroupWorld,
  nowMs: number,
  request?: ConsumerGroupHeartbeatRequest,
): { readonly group: ConsumerGroup; readonly effects: Effect[] } | number {
  const { groupId } = classic;
  const snapshot = classic.snapshot();
  const group = new ConsumerGroup(groupId, world);
  let records: Effect[] = [];
  const refused = refusalOf(() => {
    checkUpgrade(groupId, snapshot, world.settings(groupId));
    records = group.takeOver(snapshot, nowMs);
    if (request !== undefined) group.checkJoin(request);
  });
  if (refused !== null) return refused.errorCode;
  const tombstones: Effect = { type: 'append', records: classic.tombstones() };
  return { group, effects: [tombstones, ...classic.release(), ...records] };
}

function refusalOf(decide: () => void): Refused | null {
  try {
    decide();
    return null;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { errorCode: error.errorCode, errorMessage: error.errorMessage };
  }
}
