// ListGroups, versions 0 to 5.
//
// Behaviour: the groups coordinated here, those in one of the states (version 4) and of one of the types (version 5) that are
// asked for; neither cares for upper and lower case, and what nobody knows matches nothing. COORDINATOR_LOAD_IN_PROGRESS
// while some groups are not known yet.
//
// Deviations: none known. KIPs: 518 (states), 848 (types). Source: GroupMetadataManager.listGroups.
import type { GroupCoordinator } from '../group/coordinator.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import { type ListGroupsRequest, type ListGroupsResponseInput, listGroups } from '../protocol/messages/list-groups.ts';
import type { ApiHandler } from './api.ts';

type Dependencies = { readonly groups: GroupCoordinator };

export function listGroupsHandler({ groups }: Dependencies): ApiHandler<ListGroupsRequest, ListGroupsResponseInput> {
  return {
    api: listGroups,
    minVersion: 0,
    maxVersion: 5,
    dispatch({ statesFilter, typesFilter }, _context, reply) {
      const states = new Set(statesFilter.map((state) => state.trim().toLowerCase()));
      const types = new Set(typesFilter.map((type) => type.toLowerCase()));
      groups.list<ListGroupsResponseInput>(
        (all) => ({
          errorCode: ErrorCode.NONE,
          groups: all
            .filter(({ state }) => states.size === 0 || states.has(state.toLowerCase()))
            .filter(({ type }) => types.size === 0 || types.has(type))
            .map(({ groupId, protocolType, state, type }) => ({
              groupId,
              protocolType,
              groupState: state,
              groupType: type,
            })),
        }),
        (result) => reply(typeof result === 'number' ? { errorCode: result, groups: [] } : result),
      );
    },
  };
}
