// Entry of the thread on which large rounds of compaction run (storage/cleaning/cleaning-run.ts). Started by broker.ts.
import { nodeRuntime } from './runtime/node/node-runtime.ts';
import { runThread } from './runtime/node/node-threads.ts';
import { cleaningThread } from './storage/cleaning/cleaning-thread.ts';

runThread(cleaningThread(nodeRuntime()));
