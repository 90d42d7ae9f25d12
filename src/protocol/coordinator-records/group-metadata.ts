// GroupMetadata, record type 2 of __consumer_offsets: a classic group with its members.
import { defineRecord, type RecordKeyOf, type RecordValueOf } from '../coordinator-record.ts';
import { bytes, type Fields, int32, int64, string, structs } from '../schema.ts';

const memberMetadata = {
  memberId: string(),
  groupInstanceId: string({ versions: '3+', nullable: true, default: null }),
  clientId: string(),
  clientHost: string(),
  rebalanceTimeout: int32({ versions: '1+', default: -1 }),
  sessionTimeout: int32(),
  subscription: bytes(),
  assignment: bytes(),
} satisfies Fields;

export const groupMetadataRecord = defineRecord({
  type: 2,
  name: 'GroupMetadata',
  versions: '0-4',
  flexible: '4+',
  key: {
    group: string(),
  },
  value: {
    protocolType: string(),
    generation: int32(),
    protocol: string({ nullable: true }),
    leader: string({ nullable: true }),
    currentStateTimestamp: int64({ versions: '2+', default: -1 }),
    members: structs(memberMetadata),
  },
});

export type GroupMetadataKey = RecordKeyOf<typeof groupMetadataRecord>;
export type GroupMetadataValue = RecordValueOf<typeof groupMetadataRecord>;
