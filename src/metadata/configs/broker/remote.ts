// Keys of Kafka 4.3 about tiered storage, which Ottla does not have.
// Layout: table-text.ts.
import { readTable } from '../table-text.ts';

export const remoteStorageDefinitions = {
  ...readTable(
    { kind: 'unused', reason: 'Ottla has no tiered storage' },
    `
    remote.fetch.max.wait.ms | INT | 500 | [1,...] | MEDIUM | cluster-wide | How long a fetch waits for tiered bytes.
    remote.list.offsets.request.timeout.ms | LONG | 30000 | [1,...] | MEDIUM | cluster-wide | How long a lookup in tiered segments may take.
    remote.log.index.file.cache.total.size.bytes | LONG | 1073741824 | [1,...] | LOW | cluster-wide | Disk space for cached indexes of tiered segments.
    remote.log.index.file.cache.ttl.ms! | LONG | 900000 | [-1,...] | LOW | read-only | Age at which cached indexes are dropped.
    remote.log.manager.copier.thread.pool.size | INT | 10 | [1,...] | MEDIUM | cluster-wide | Threads that upload segments.
    remote.log.manager.copy.max.bytes.per.second | LONG | 9223372036854775807 | [1,...] | MEDIUM | cluster-wide | Upper bound of uploads per second.
    remote.log.manager.copy.quota.window.num | INT | 11 | [1,...] | MEDIUM | read-only | Samples kept for the upload quota.
    remote.log.manager.copy.quota.window.size.seconds | INT | 1 | [1,...] | MEDIUM | read-only | Seconds per sample of the upload quota.
    remote.log.manager.expiration.thread.pool.size | INT | 10 | [1,...] | MEDIUM | cluster-wide | Threads that remove tiered segments.
    remote.log.manager.fetch.max.bytes.per.second | LONG | 9223372036854775807 | [1,...] | MEDIUM | cluster-wide | Upper bound of downloads per second.
    remote.log.manager.fetch.quota.window.num | INT | 11 | [1,...] | MEDIUM | read-only | Samples kept for the download quota.
    remote.log.manager.fetch.quota.window.size.seconds | INT | 1 | [1,...] | MEDIUM | read-only | Seconds per sample of the download quota.
    remote.log.manager.follower.thread.pool.size | INT | 2 | [1,...] | MEDIUM | cluster-wide | Threads that follow tiered state.
    remote.log.manager.task.interval.ms | LONG | 30000 | [1,...] | LOW | read-only | How often segments to upload are looked for.
    remote.log.manager.task.retry.backoff.max.ms! | LONG | 30000 | [1,...] | LOW | read-only | Longest pause before an upload is tried again.
    remote.log.manager.task.retry.backoff.ms! | LONG | 500 | [1,...] | LOW | read-only | First pause before an upload is tried again.
    remote.log.manager.task.retry.jitter! | DOUBLE | 0.2 | [0,...,0.5] | LOW | read-only | Random share of the pause between uploads.
    remote.log.manager.thread.pool.size | INT | 2 | [1,...] | MEDIUM | read-only | Threads of tiered storage.
    remote.log.metadata.custom.metadata.max.bytes | INT | 128 | [0,...] | LOW | read-only | Bytes a storage plugin may attach to a segment.
    remote.log.metadata.manager.class.name | STRING | org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager | non-empty string | MEDIUM | read-only | The class that keeps the list of tiered segments.
    remote.log.metadata.manager.class.path | STRING | null | - | MEDIUM | read-only | Where that class is found.
    remote.log.metadata.manager.impl.prefix | STRING | rlmm.config. | non-empty string | MEDIUM | read-only | Prefix of the settings handed to that class.
    remote.log.metadata.manager.listener.name | STRING | null | non-empty string | MEDIUM | read-only | The listener that class connects to.
    remote.log.reader.max.pending.tasks | INT | 100 | [1,...] | MEDIUM | read-only | Reads of tiered segments that may wait.
    remote.log.reader.threads | INT | 10 | [1,...] | MEDIUM | cluster-wide | Threads that read tiered segments.
    remote.log.storage.manager.class.name | STRING | null | non-empty string | MEDIUM | read-only | The class that stores tiered segments.
    remote.log.storage.manager.class.path | STRING | null | - | MEDIUM | read-only | Where that class is found.
    remote.log.storage.manager.impl.prefix | STRING | rsm.config. | non-empty string | MEDIUM | read-only | Prefix of the settings handed to that class.
    remote.log.storage.system.enable | BOOLEAN | false | - | MEDIUM | read-only | Whether the broker can tier at all.
  `,
  ),
};
