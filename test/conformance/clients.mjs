// Which client folders there are, what they need, which have checks of their own, of groups, of transactions and of logins, and which names they read
// and write the access log under. A producer writes with each of its codecs; `nodeOnly` marks those that `npm test` runs, for they need
// nothing but Node.

const ALL = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

export const clients = [
  {
    folder: 'ottla',
    nodeOnly: true,
    producers: [{ name: 'ottla', codecs: ALL }],
    consumers: ['ottla'],
  },
  {
    folder: 'kafkajs',
    logins: true,
    nodeOnly: true,
    checks: true,
    groups: true,
    transactions: true,
    producers: [{ name: 'kafkajs', codecs: ['none', 'gzip', 'snappy'] }],
    consumers: ['kafkajs'],
    readable: ['none', 'gzip', 'snappy'],
  },
  {
    folder: 'platformatic',
    nodeOnly: true,
    checks: true,
    groups: true,
    producers: [{ name: 'platformatic', codecs: ['none', 'gzip', 'snappy', 'lz4'] }],
    consumers: ['platformatic'],
    // Its snappy cannot read the framing of several blocks that Java-like producers write; from the raw kind it can.
    readable: ['none', 'gzip', 'lz4'],
  },
  {
    folder: 'librdkafka',
    logins: true,
    checks: true,
    groups: true,
    transactions: true,
    producers: [
      { name: 'kcat', codecs: ALL },
      { name: 'confluent-kafka', codecs: ALL },
    ],
    consumers: ['kcat', 'confluent-kafka'],
  },
  {
    folder: 'python',
    logins: true,
    checks: true,
    groups: true,
    transactions: true,
    producers: [
      { name: 'kafka-python', codecs: ALL },
      { name: 'aiokafka', codecs: ALL },
    ],
    consumers: ['kafka-python', 'aiokafka'],
  },
  {
    folder: 'go',
    logins: true,
    checks: true,
    groups: true,
    transactions: true,
    producers: [{ name: 'franz-go', codecs: ALL }],
    consumers: ['franz-go'],
  },
  {
    folder: 'java',
    logins: true,
    checks: true,
    groups: true,
    transactions: true,
    producers: [
      { name: 'console', codecs: ['none', 'zstd'] },
      { name: 'java', codecs: ALL },
    ],
    consumers: ['console', 'java'],
  },
];
