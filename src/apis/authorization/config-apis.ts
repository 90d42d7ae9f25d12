// Who may see and change configs: those of a topic or group need the operation on it, those of brokers, their loggers and client
// metrics on the cluster.
import { ResourceType as ConfigResourceType } from '../../metadata/configs/config-resource.ts';
import { AclOperation } from '../../protocol/acl-codes.ts';
import { ErrorCode } from '../../protocol/error-code.ts';
import type { AlterConfigsRequest, AlterConfigsResponseInput } from '../../protocol/messages/alter-configs.ts';
import type { DescribeConfigsRequest, DescribeConfigsResponseInput } from '../../protocol/messages/describe-configs.ts';
import { type Asker, type Authorization, type Check, split } from './authorization.ts';
import { refusalSentence } from './refusal-sentences.ts';

interface Resource {
  readonly resourceType: number;
  readonly resourceName: string;
}

function isAllowed({ resourceType, resourceName }: Resource, operation: AclOperation, ask: Asker): boolean {
  switch (resourceType) {
    case ConfigResourceType.TOPIC:
      return ask.topic(operation, resourceName);
    case ConfigResourceType.GROUP:
      return ask.group(operation, resourceName);
    default:
      return ask.cluster(operation);
  }
}

function refused({ resourceType, resourceName }: Resource) {
  const errorCode =
    resourceType === ConfigResourceType.TOPIC
      ? ErrorCode.TOPIC_AUTHORIZATION_FAILED
      : resourceType === ConfigResourceType.GROUP
        ? ErrorCode.GROUP_AUTHORIZATION_FAILED
        : ErrorCode.CLUSTER_AUTHORIZATION_FAILED;
  return { errorCode, errorMessage: refusalSentence(errorCode), resourceType, resourceName };
}

function checksOf(operation: 'DESCRIBE_CONFIGS' | 'ALTER_CONFIGS'): Check[] {
  return [
    { operation, resource: 'TOPIC', otherwise: 'TOPIC_AUTHORIZATION_FAILED' },
    { operation, resource: 'GROUP', otherwise: 'GROUP_AUTHORIZATION_FAILED' },
    { operation, resource: 'CLUSTER', otherwise: 'of brokers and client metrics: CLUSTER_AUTHORIZATION_FAILED' },
  ];
}

export const describeConfigsAuthorization: Authorization<DescribeConfigsRequest, DescribeConfigsResponseInput> = {
  checks: checksOf('DESCRIBE_CONFIGS'),
  narrow(request, ask) {
    const { allowed, denied } = split(request.resources, (resource) =>
      isAllowed(resource, AclOperation.DESCRIBE_CONFIGS, ask),
    );
    if (denied.length === 0) return { request };
    const answers = denied.map((resource) => ({ ...refused(resource), configs: [] }));
    return {
      request: { ...request, resources: allowed },
      complete: (response) => ({ ...response, results: [...response.results, ...answers] }),
    };
  },
};

/** Of AlterConfigs and IncrementalAlterConfigs, whose answers are the same. */
export const alterConfigsAuthorization: Authorization<
  Pick<AlterConfigsRequest, 'validateOnly'> & { readonly resources: readonly Resource[] },
  AlterConfigsResponseInput
> = {
  checks: checksOf('ALTER_CONFIGS'),
  narrow(request, ask) {
    const { allowed, denied } = split(request.resources, (resource) =>
      isAllowed(resource, AclOperation.ALTER_CONFIGS, ask),
    );
    if (denied.length === 0) return { request };
    return {
      request: { ...request, resources: allowed },
      complete: (response) => ({ ...response, responses: [...response.responses, ...denied.map(refused)] }),
    };
  },
};
