// StreamsGroupTopology, record type 23 of __consumer_offsets: the topology of a streams group.
import { defineRecord, type RecordKeyOf, type RecordValueOf } from '../coordinator-record.ts';
import { array, type Fields, int16, int32, string, structs } from '../schema.ts';

const topicConfig = {
  key: string(),
  value: string(),
} satisfies Fields;

const topicInfo = {
  name: string(),
  partitions: int32(),
  replicationFactor: int16(),
  topicConfigs: structs(topicConfig),
} satisfies Fields;

export const streamsGroupTopologyRecord = defineRecord({
  type: 23,
  name: 'StreamsGroupTopology',
  versions: '0',
  flexible: '0+',
  key: {
    groupId: string(),
  },
  value: {
    epoch: int32(),
    subtopologies: structs({
      subtopologyId: string(),
      sourceTopics: array(string()),
      sourceTopicRegex: array(string()),
      stateChangelogTopics: structs(topicInfo),
      repartitionSinkTopics: array(string()),
      repartitionSourceTopics: structs(topicInfo),
      copartitionGroups: structs({
        sourceTopics: array(int16()),
        sourceTopicRegex: array(int16()),
        repartitionSourceTopics: array(int16()),
      }),
    }),
  },
});

export type StreamsGroupTopologyKey = RecordKeyOf<typeof streamsGroupTopologyRecord>;
export type StreamsGroupTopologyValue = RecordValueOf<typeof streamsGroupTopologyRecord>;
