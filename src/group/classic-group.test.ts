// The classic group's transcripts: test/transcripts/classic-group/*.txt.
import { testTranscripts } from '../../test/transcripts/transcript.ts';
import { beginClassicGroup } from './classic-group-narrator.suite.ts';

testTranscripts('classic-group', beginClassicGroup);
