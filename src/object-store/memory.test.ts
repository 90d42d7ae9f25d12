// The memory store keeps the contract.
import { memoryObjectStore } from './memory.ts';
import { objectStoreSuite } from './object-store.suite.ts';

objectStoreSuite('the memory store', async () => memoryObjectStore());
