// UnregisterBroker, version 0.
//
// Behaviour: removes the registration of a broker that is gone; BROKER_ID_NOT_REGISTERED when there is none.
//
// Deviations: this broker refuses to unregister itself, because it runs (INVALID_REQUEST); Kafka does it and the broker
// registers again. A broker that leads partitions is refused too. KIPs: 500. Source: ReplicationControlManager.unregisterBroker.
import type { Image, Metadata, MetadataChange } from '../metadata/image.ts';
import { ErrorCode } from '../protocol/error-code.ts';
import {
  type UnregisterBrokerRequest,
  type UnregisterBrokerResponseInput,
  unregisterBroker,
} from '../protocol/messages/unregister-broker.ts';
import type { ApiHandler } from './api.ts';

type Dependencies = {
  readonly metadata: Metadata;
  readonly brokerId: number;
};

type Outcome = { readonly errorCode: ErrorCode; readonly errorMessage: string | null };

export function unregisterBrokerHandler({
  metadata,
  brokerId,
}: Dependencies): ApiHandler<UnregisterBrokerRequest, UnregisterBrokerResponseInput> {
  return {
    api: unregisterBroker,
    minVersion: 0,
    maxVersion: 0,
    async dispatch(request, _context, reply) {
      let outcome: Outcome = { errorCode: ErrorCode.NONE, errorMessage: null };
      await metadata.commit((image): MetadataChange[] => {
        const refusal = refuse(image, request.brokerId, brokerId);
        outcome = refusal ?? { errorCode: ErrorCode.NONE, errorMessage: null };
        return refusal ? [] : [{ type: 'broker-unregistered', brokerId: request.brokerId }];
      });
      reply({ throttleTimeMs: 0, ...outcome });
    },
  };
}

function refuse(image: Image, brokerId: number, selfId: number): Outcome | undefined {
  if (brokerId === selfId) {
    const errorMessage = `Broker ${brokerId} is running and cannot be unregistered.`;
    return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage };
  }
  if (!image.brokers.has(brokerId)) {
    const errorMessage = `Broker ID ${brokerId} is not currently registered`;
    return { errorCode: ErrorCode.BROKER_ID_NOT_REGISTERED, errorMessage };
  }
  for (const topic of image.topics.values()) {
    if (topic.partitions.some(({ leader }) => leader === brokerId)) {
      const errorMessage = `Broker ${brokerId} still leads partitions of ${topic.name}.`;
      return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage };
    }
  }
  return undefined;
}
