// A broker inside a program or a test: started by one call, used over the Kafka protocol like any other, gone on close.
// Run it with `node dist/examples/embedded.js`; test/integration/embedded.test.ts does.
//
// Here the client is Ottla's own small one, so that the example needs nothing else; any Kafka client does.
import { startBroker } from '../src/index.ts'; // in your program: from 'ottla'

const broker = await startBroker({ settings: { 'num.partitions': 2 } });
console.log(`a Kafka broker listens on ${broker.bootstrapServers.split(':')[0]}, on a free port`);

// … connect any Kafka client to broker.bootstrapServers …

await broker.close();
console.log('closed; nothing is left that would keep this process alive');
