// ConsumerGroupRegularExpression, record type 16 of __consumer_offsets: the topics that a regular expression of a consumer group matched.
import { defineRecord, type RecordKeyOf, type RecordValueOf } from '../coordinator-record.ts';
import { array, int64, string } from '../schema.ts';

export const consumerGroupRegularExpressionRecord = defineRecord({
  type: 16,
  name: 'ConsumerGroupRegularExpression',
  versions: '0',
  flexible: '0+',
  key: {
    groupId: string(),
    regularExpression: string(),
  },
  value: {
    topics: array(string()),
    version: int64(),
    timestamp: int64(),
  },
});

export type ConsumerGroupRegularExpressionKey = RecordKeyOf<typeof consumerGroupRegularExpressionRecord>;
export type ConsumerGroupRegularExpressionValue = RecordValueOf<typeof consumerGroupRegularExpressionRecord>;
