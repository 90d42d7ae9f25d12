// The consumer group's transcripts: test/transcripts/consumer-group/*.txt.
import { testTranscripts } from '../../test/transcripts/transcript.ts';
import { beginConsumerGroup } from './consumer-group-narrator.suite.ts';

testTranscripts('consumer-group', beginConsumerGroup);
