// ConsumerProtocolSubscription: what a member of a classic consumer group tells its leader, inside JoinGroup.
// On the wire: an int16 version, then the message (versioned.ts).
import { defineMessage } from '../message.ts';
import { array, bytes, int32, string, structs } from '../schema.ts';

export const consumerProtocolSubscription = defineMessage({
  name: 'ConsumerProtocolSubscription',
  versions: '0-3',
  flexible: 'none',
  fields: {
    topics: array(string()),
    userData: bytes({ nullable: true, default: null }),
    ownedPartitions: structs(
      {
        topic: string(),
        partitions: array(int32()),
      },
      { versions: '1+' },
    ),
    generationId: int32({ versions: '2+', default: -1 }),
    rackId: string({ versions: '3+', nullable: true, default: null }),
  },
});

export type ConsumerProtocolSubscription = (typeof consumerProtocolSubscription)['$decoded'];
export type ConsumerProtocolSubscriptionInput = (typeof consumerProtocolSubscription)['$input'];
