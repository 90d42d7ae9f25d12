// The transactions' transcripts: test/transcripts/transaction/*.txt.
import { testTranscripts } from '../../test/transcripts/transcript.ts';
import { beginTransaction } from './transaction-narrator.suite.ts';

testTranscripts('transaction', beginTransaction);
