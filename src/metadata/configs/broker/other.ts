// Keys of Kafka 4.3 about its own machinery. Grouped by why they do nothing here.
// Layout: table-text.ts.
import { readTable } from '../table-text.ts';

export const otherDefinitions = {
  ...readTable(
    { kind: 'unused', reason: 'requests are handled by one event loop, without pools of threads' },
    `
    background.threads | INT | 10 | [1,...] | HIGH | cluster-wide | Threads for background work.
    group.coordinator.background.threads | INT | 2 | [1,...] | HIGH | read-only | Threads for the coordinator's slow work.
    group.coordinator.threads | INT | 4 | [1,...] | HIGH | read-only | Threads of the group coordinator.
    num.io.threads | INT | 8 | [1,...] | HIGH | cluster-wide | Threads that handle requests.
    num.network.threads | INT | 3 | [1,...] | HIGH | cluster-wide | Threads that read and write sockets.
    num.recovery.threads.per.data.dir | INT | 2 | [1,...] | HIGH | cluster-wide | Threads that recover a data directory.
    num.replica.alter.log.dirs.threads | INT | null | - | HIGH | read-only | Threads that move replicas between directories.
    share.coordinator.threads | INT | 1 | [1,...] | MEDIUM | read-only | Threads of the share coordinator.
  `,
  ),
  ...readTable(
    { kind: 'unused', reason: 'requests in flight are limited by bytes (queued.max.request.bytes), not by number' },
    `
    queued.max.requests | INT | 500 | [1,...] | HIGH | read-only | Requests waiting for a thread.
  `,
  ),
  ...readTable(
    { kind: 'unused', reason: 'the kernel sizes socket buffers by itself' },
    `
    socket.receive.buffer.bytes | INT | 102400 | - | HIGH | read-only | Size of the kernel's receive buffer of a connection.
    socket.send.buffer.bytes | INT | 102400 | - | HIGH | read-only | Size of the kernel's send buffer of a connection.
  `,
  ),
  ...readTable(
    { kind: 'unused', reason: 'parked requests are forgotten the moment they are answered' },
    `
    delete.records.purgatory.purge.interval.requests | INT | 1 | - | MEDIUM | read-only | Answered DeleteRecords requests that may linger in memory.
    fetch.purgatory.purge.interval.requests | INT | 1000 | - | MEDIUM | read-only | Answered fetches that may linger in memory.
    producer.purgatory.purge.interval.requests | INT | 1000 | - | MEDIUM | read-only | Answered produces that may linger in memory.
    share.fetch.purgatory.purge.interval.requests | INT | 1000 | - | MEDIUM | read-only | Answered share fetches that may linger in memory.
  `,
  ),
  ...readTable(
    {
      kind: 'unused',
      reason:
        'every append joins the next commit of the write-ahead log, which needs no lingering and no buffer of its own',
    },
    `
    group.coordinator.append.linger.ms | INT | -1 | [-1,...] | MEDIUM | read-only | How long group state waits for company before it is written.
    group.coordinator.cached.buffer.max.bytes | INT | 1048588 | [524288,...] | MEDIUM | cluster-wide | The largest write buffer the group coordinator keeps.
    share.coordinator.append.linger.ms | INT | -1 | [-1,...] | MEDIUM | read-only | How long share state waits for company before it is written.
    share.coordinator.cached.buffer.max.bytes | INT | 1048588 | [524288,...] | MEDIUM | cluster-wide | The largest write buffer the share coordinator keeps.
  `,
  ),
  ...readTable(
    { kind: 'unused', reason: 'the write-ahead log and its checkpoint take the place of these files and intervals' },
    `
    log.flush.offset.checkpoint.interval.ms | INT | 60000 | [0,...] | HIGH | read-only | How often the recovery point is written.
    log.flush.start.offset.checkpoint.interval.ms | INT | 60000 | [0,...] | HIGH | read-only | How often the start offsets are written.
    log.initial.task.delay.ms! | LONG | 30000 | [0,...] | LOW | read-only | Pause after start before background work on logs begins.
  `,
  ),
  ...readTable(
    { kind: 'unused', reason: 'a broker has one data directory and stops when it fails' },
    `
    cordoned.log.dirs | LIST | "" | - | MEDIUM | per-broker | Directories that get no new partitions.
    log.dir.failure.timeout.ms | LONG | 30000 | [1,...] | LOW | read-only | How long a failed directory may stay unreported.
  `,
  ),
  ...readTable(
    { kind: 'unused', reason: 'the size of a read is chosen by the reader of the internal topics' },
    `
    offsets.load.buffer.size | INT | 5242880 | [1,...] | HIGH | read-only | Bytes read at a time while committed offsets are loaded.
    share.coordinator.load.buffer.size | INT | 5242880 | [1,...] | HIGH | read-only | Bytes read at a time while share state is loaded.
    transaction.state.log.load.buffer.size | INT | 5242880 | [1,...] | HIGH | read-only | Bytes read at a time while transactions are loaded.
  `,
  ),
  ...readTable(
    { kind: 'unused', reason: 'the two coordinators are in the same process and need no retries between them' },
    `
    add.partitions.to.txn.retry.backoff.max.ms | INT | 100 | [0,...] | HIGH | read-only | Longest pause before partitions are added to a transaction again.
    add.partitions.to.txn.retry.backoff.ms | INT | 20 | [1,...] | HIGH | read-only | First pause before partitions are added to a transaction again.
  `,
  ),
  ...readTable(
    { kind: 'unused', reason: 'expiry is driven by timers of its own' },
    `
    producer.id.expiration.check.interval.ms! | INT | 600000 | [1,...] | LOW | read-only | How often quiet producers are looked for.
    share.coordinator.cold.partition.snapshot.interval.ms! | INT | 300000 | [1,...] | LOW | read-only | How often quiet share partitions are snapshotted.
    share.coordinator.state.topic.prune.interval.ms! | INT | 300000 | [1,...] | LOW | read-only | How often outdated share state is pruned.
    group.share.initialize.retry.interval.ms! | INT | 30000 | [1,...] | LOW | read-only | How often a failed start of share state is tried again.
  `,
  ),
  ...readTable(
    { kind: 'unused', reason: 'Java classes cannot be loaded into this broker' },
    `
    alter.config.policy.class.name | CLASS | null | - | LOW | read-only | A class that may refuse config changes.
    client.quota.callback.class | CLASS | null | - | LOW | read-only | A class that computes quotas.
    config.providers | LIST | "" | - | LOW | cluster-wide | Classes that look up values from elsewhere.
    create.topic.policy.class.name | CLASS | null | - | LOW | read-only | A class that may refuse new topics.
    group.share.persister.class.name! | STRING | org.apache.kafka.server.share.persister.DefaultStatePersister | - | MEDIUM | read-only | The class that stores share state.
    kafka.metrics.polling.interval.secs | INT | 10 | [1,...] | LOW | read-only | How often metrics reporters poll.
    kafka.metrics.reporters | LIST | "" | - | LOW | read-only | Classes that report metrics.
    metric.reporters | LIST | org.apache.kafka.common.metrics.JmxReporter | - | LOW | cluster-wide | Classes that report metrics.
    principal.builder.class | CLASS | org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder | - | MEDIUM | per-broker | The class that turns a connection into a principal.
    replica.selector.class | STRING | null | - | MEDIUM | read-only | The class that picks the replica a consumer reads from.
    security.providers | STRING | null | - | LOW | read-only | Classes that bring security algorithms.
  `,
  ),
  ...readTable(
    { kind: 'unused', reason: 'metrics are not sampled inside the broker' },
    `
    metrics.num.samples | INT | 2 | [1,...] | LOW | read-only | Samples a metric is computed from.
    metrics.recording.level | STRING | INFO | - | LOW | read-only | How detailed metrics are.
    metrics.sample.window.ms | LONG | 30000 | [1,...] | LOW | read-only | The time one sample covers.
  `,
  ),
  ...readTable(
    { kind: 'unused', reason: "a switch for Kafka's own developers" },
    `
    server.max.startup.time.ms! | LONG | 9223372036854775807 | [0,...] | MEDIUM | read-only | How long a start may take.
    unstable.api.versions.enable! | BOOLEAN | false | - | HIGH | read-only | Whether unfinished API versions are offered.
    unstable.feature.versions.enable! | BOOLEAN | false | - | HIGH | read-only | Whether unfinished features are offered.
  `,
  ),
  ...readTable(
    { kind: 'later', feature: 'client telemetry' },
    `
    telemetry.max.bytes | INT | 1048576 | [1,...] | LOW | read-only | The largest telemetry report a client may push.
  `,
  ),
  ...readTable(
    { kind: 'unused', reason: 'one broker with one directory copies and moves nothing' },
    `
    alter.log.dirs.replication.quota.window.num | INT | 11 | [1,...] | LOW | read-only | Samples kept for the quota of moves between directories.
    alter.log.dirs.replication.quota.window.size.seconds | INT | 1 | [1,...] | LOW | read-only | Seconds per sample of the quota of moves between directories.
    replication.quota.window.num | INT | 11 | [1,...] | LOW | read-only | Samples kept for replication quotas.
    replication.quota.window.size.seconds | INT | 1 | [1,...] | LOW | read-only | Seconds per sample of replication quotas.
  `,
  ),
};
