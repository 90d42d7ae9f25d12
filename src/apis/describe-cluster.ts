// DescribeCluster, versions 0 to 2.
//
// Behaviour: the brokers as this client can reach them, through the same rule as Metadata. There are no controllers to
// describe: endpoint type 2 is answered MISMATCHED_ENDPOINT_TYPE as by a Kafka broker, an unknown type
// UNSUPPORTED_ENDPOINT_TYPE (INVALID_REQUEST in version 0). No broker is ever fenced.
//
// Deviations: none known. KIPs: 700, 919 (endpoint type), 1073 (fenced brokers).
import type { Metadata } from '../metadata/image.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type DescribeClusterRequest,
  type DescribeClusterResponseInput,
  describeCluster,
} from '../protocol/messages/describe-cluster.ts';
import type { ApiHandler, RequestContext } from './api.ts';
import { ALL_CLUSTER_OPERATIONS, OPERATIONS_NOT_ASKED } from './authorized-operations.ts';
import { brokerEndpoints } from './broker-endpoint.ts';

type Dependencies = {
  readonly metadata: Pick<Metadata, 'image'>;
  readonly brokerId: number;
};

const EndpointType = { BROKER: 1, CONTROLLER: 2 } as const;

export function describeClusterHandler(
  dependencies: Dependencies,
): ApiHandler<DescribeClusterRequest, DescribeClusterResponseInput> {
  return {
    api: describeCluster,
    minVersion: 0,
    maxVersion: 2,
    dispatch(request, context, reply) {
      reply(wrongEndpointType(request, context) ?? answer(dependencies, request, context));
    },
  };
}

function wrongEndpointType(
  { endpointType }: DescribeClusterRequest,
  { apiVersion }: RequestContext,
): DescribeClusterResponseInput | undefined {
  switch (endpointType) {
    case EndpointType.BROKER:
      return undefined;
    case EndpointType.CONTROLLER:
      return refusal(
        apiVersion === 0 ? ErrorCode.INVALID_REQUEST : ErrorCode.MISMATCHED_ENDPOINT_TYPE,
        'The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER',
      );
    default:
      return refusal(
        apiVersion === 0 ? ErrorCode.INVALID_REQUEST : ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
        `Unsupported endpoint type ${endpointType}`,
      );
  }
}

function refusal(errorCode: ErrorCode, errorMessage: string): DescribeClusterResponseInput {
  return { throttleTimeMs: 0, errorCode, errorMessage, clusterId: '', brokers: [] };
}

function answer(
  { metadata, brokerId }: Dependencies,
  request: DescribeClusterRequest,
  context: RequestContext,
): DescribeClusterResponseInput {
  const { image } = metadata;
  return {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    endpointType: EndpointType.BROKER,
    clusterId: image.clusterId,
    controllerId: brokerId,
    brokers: brokerEndpoints(image, brokerId, context.connection).map(({ nodeId, host, port, rack }) => ({
      brokerId: nodeId,
      host,
      port,
      rack,
      isFenced: false,
    })),
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
      ? ALL_CLUSTER_OPERATIONS
      : OPERATIONS_NOT_ASKED,
  };
}
