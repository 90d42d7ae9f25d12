// Makes consumer groups, new ones and those that take over a classic group with members.
import { Refusal } from '../metadata/refusal.ts';
import type { ConsumerGroupHeartbeatRequest } from '../protocol/messages/consumer-group-heartbeat.ts';
import { ConsumerGroup } from './consumer-group.ts';
import { checkHeartbeat } from './consumer-group-heartbeat.ts';
import { checkUpgrade } from './consumer-group-migration.ts';
import type { ConsumerGroupWorld } from './consumer-group-world.ts';
import type { Effect } from './effects.ts';
import type { GroupKinds, RefusedHeartbeat } from './group-kinds.ts';
import type { UpgradableGroup } from './migration.ts';

/** The consumer side of GroupKinds, for the groups of one coordinator. */
export function consumerKind(
  world: ConsumerGroupWorld,
): Pick<GroupKinds, 'newConsumer' | 'refusedHeartbeat' | 'upgrade'> {
  return {
    newConsumer: (groupId) => new ConsumerGroup(groupId, world),
    refusedHeartbeat: (request, apiVersion) =>
      refusalOf(() => checkHeartbeat(request, apiVersion, world.settings(request.groupId).assignors)),
    upgrade: (classic, request, nowMs) => upgrade(classic, request, world, nowMs),
  };
}

/**
 * A consumer group with the members of a classic one, or an error code when that may not be. `request` is the heartbeat
 * that is the reason: when the new group would refuse it, nothing is changed. The classic machine answers what waits in it.
 */
function upgrade(
  classic: UpgradableGroup,
  request: ConsumerGroupHeartbeatRequest,
  world: ConsumerGroupWorld,
  nowMs: number,
): { readonly group: ConsumerGroup; readonly effects: readonly Effect[] } | number {
  const { groupId } = classic;
  const group = new ConsumerGroup(groupId, world);
  let members: Effect[] = [];
  const refused = refusalOf(() => {
    const snapshot = classic.snapshot();
    checkUpgrade(groupId, snapshot, world.settings(groupId));
    members = group.takeOver(snapshot, nowMs);
    group.checkJoin(request);
  });
  if (refused !== null) return refused.errorCode;
  const tombstones: Effect = { type: 'append', records: classic.tombstones() };
  return { group, effects: [tombstones, ...classic.release(), ...members] };
}

function refusalOf(decide: () => void): RefusedHeartbeat | null {
  try {
    decide();
    return null;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { errorCode: error.errorCode, errorMessage: error.errorMessage };
  }
}
