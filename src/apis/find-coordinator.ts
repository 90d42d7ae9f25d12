// FindCoordinator, versions 0 to 6.
//
// Behaviour: the coordinator of a group or a transactional id is the leader of its partition of __consumer_offsets or
// __transaction_state; on one broker that is this broker. The topic is created on first use and the answer waits for it.
// A share coordinator (key type 2, used between brokers only) is INVALID_REQUEST before version 6 or when its key is not
// group:topicId:partition, and COORDINATOR_NOT_AVAILABLE while there are no share groups. An unknown type is INVALID_REQUEST.
//
// Deviations: Kafka answers the first request with COORDINATOR_NOT_AVAILABLE while it creates the topic.
//
// KIPs: 699 (several keys), 890, 932 (share). Source: KafkaApis.handleFindCoordinatorRequest.
import type { Metadata } from '../metadata/image.ts';
import { CONSUMER_OFFSETS, TRANSACTION_STATE } from '../metadata/topic-name.ts';
import type { Topics } from '../metadata/topics.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type FindCoordinatorRequest,
  type FindCoordinatorResponseInput,
  findCoordinator,
} from '../protocol/messages/find-coordinator.ts';
import { isUuid } from '../protocol/uuid.ts';
import type { ApiHandler, RequestContext } from './api.ts';
import { brokerEndpoint } from './broker-endpoint.ts';

type Dependencies = {
  readonly metadata: Pick<Metadata, 'image'>;
  readonly topics: Pick<Topics, 'autoCreate'>;
  readonly brokerId: number;
};

interface Found {
  readonly errorCode: number;
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

const CoordinatorType = { GROUP: 0, TRANSACTION: 1, SHARE: 2 } as const;
const FIRST_VERSION_WITH_SEVERAL_KEYS = 4;
const FIRST_VERSION_WITH_SHARE = 6;

export function findCoordinatorHandler(
  dependencies: Dependencies,
): ApiHandler<FindCoordinatorRequest, FindCoordinatorResponseInput> {
  return {
    api: findCoordinator,
    minVersion: 0,
    maxVersion: 6,
    dispatch(request, context, reply) {
      const send = (find: (key: string) => Found) => reply(response(request, context.apiVersion, find));
      const { keyType } = request;
      if (keyType === CoordinatorType.SHARE) {
        send((key) => none(refusalOfShareKey(key, context.apiVersion)));
      } else if (keyType !== CoordinatorType.GROUP && keyType !== CoordinatorType.TRANSACTION) {
        reply(refusal(request, context.apiVersion, ErrorCode.INVALID_REQUEST));
      } else {
        const topic = keyType === CoordinatorType.GROUP ? CONSUMER_OFFSETS : TRANSACTION_STATE;
        return findOnTopic(dependencies, topic, context, send);
      }
    },
    failed: (request, errorCode) => ({ ...refusal(request, 0, errorCode), ...refusal(request, 4, errorCode) }),
  };
}

/** At once when the topic exists, which is so for all requests but the first. */
function findOnTopic(
  { metadata, topics, brokerId }: Dependencies,
  topic: string,
  context: RequestContext,
  send: (find: (key: string) => Found) => void,
): Promise<void> | undefined {
  const here = () => {
    const endpoint = brokerEndpoint(metadata.image, brokerId, brokerId, context.connection);
    return endpoint ? { errorCode: ErrorCode.NONE, ...endpoint } : none(ErrorCode.COORDINATOR_NOT_AVAILABLE);
  };
  if (metadata.image.topics.has(topic)) {
    send(here);
    return undefined;
  }
  return topics.autoCreate(topic).then((outcome) => {
    send(outcome.refusal ? () => none(ErrorCode.COORDINATOR_NOT_AVAILABLE) : here);
  });
}

function response(
  request: FindCoordinatorRequest,
  version: number,
  find: (key: string) => Found,
): FindCoordinatorResponseInput {
  if (version < FIRST_VERSION_WITH_SEVERAL_KEYS) {
    const { errorCode, nodeId, host, port } = find(request.key);
    return { throttleTimeMs: 0, errorCode, errorMessage: messageOf(errorCode), nodeId, host, port };
  }
  return {
    throttleTimeMs: 0,
    coordinators: request.coordinatorKeys.map((key) => {
      const { errorCode, nodeId, host, port } = find(key);
      return { key, errorCode, errorMessage: '', nodeId, host, port };
    }),
  };
}

/** The request as a whole is refused; only then Kafka explains errors key by key. */
function refusal(request: FindCoordinatorRequest, version: number, errorCode: number): FindCoordinatorResponseInput {
  const { coordinators, ...rest } = response(request, version, () => none(errorCode));
  return coordinators
    ? { ...rest, coordinators: coordinators.map((each) => ({ ...each, errorMessage: messageOf(errorCode) })) }
    : rest;
}

/** Kafka's words for the codes that occur here; before version 4 it writes NONE for success. */
function messageOf(errorCode: number): string {
  switch (errorCode) {
    case ErrorCode.NONE:
      return 'NONE';
    case ErrorCode.COORDINATOR_NOT_AVAILABLE:
      return 'The coordinator is not available.';
    case ErrorCode.INVALID_REQUEST:
      return 'This most likely occurs because of a request being malformed by the client library or the message was sent to an incompatible broker. See the broker logs for more details.';
    default:
      return 'The server experienced an unexpected error when processing the request.';
  }
}

function refusalOfShareKey(key: string, version: number): ErrorCode {
  const parts = key.split(':');
  const [group, topicId = '', partition = ''] = parts;
  const isValid = parts.length === 3 && group !== '' && isUuid(topicId) && /^\d+$/.test(partition);
  return version < FIRST_VERSION_WITH_SHARE || !isValid
    ? ErrorCode.INVALID_REQUEST
    : ErrorCode.COORDINATOR_NOT_AVAILABLE;
}

function none(errorCode: number): Found {
  return { errorCode, nodeId: -1, host: '', port: -1 };
}
