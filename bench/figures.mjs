// From what the generator counted to the figures of a table.

const MB = 1e6;

/** Figures of one run by their keys in MEASURES (compare.mjs). */
export function figuresOf(result, keys, { bytesPerByte = 1 } = {}) {
  const { server } = result;
  const megabytes = (result.bytes * bytesPerByte) / MB;
  const all = {
    cpuPerMb: server && server.cpuMs / megabytes,
    cpuPerRequest: server && (server.cpuMs * 1000) / result.requests,
    cpuPerRecord: server && (server.cpuMs * 1000) / result.records,
    cpuCores: server && server.cpuMs / 1000 / result.seconds,
    mbPerSecond: megabytes / result.seconds,
    recordsPerSecond: result.records / result.seconds,
    requestsPerSecond: result.requests / result.seconds,
    p50: result.latency?.p50,
    p99: result.latency?.p99,
    p999: result.latency?.p999,
    residentMax: server && server.residentBytesMax / 2 ** 20,
    clientCores: result.clientCpuMs / 1000 / result.seconds,
  };
  return Object.fromEntries([...keys, 'clientCores'].map((key) => [key, all[key]]));
}

/** A new topic for one measurement, which is removed with the others of its row. */
export async function withTopic(broker, partitions, work, configs) {
  const topic = await broker.topic(partitions, configs);
  try {
    return await work(topic);
  } finally {
    broker.remove(topic);
  }
}
