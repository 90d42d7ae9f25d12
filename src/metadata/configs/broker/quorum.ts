// Keys of Kafka 4.3 about controllers and replication, which Ottla does not have.
// Layout: table-text.ts.
import { readTable } from '../table-text.ts';

export const quorumDefinitions = {
  ...readTable(
    {
      kind: 'unused',
      reason: 'there is no controller: metadata is a log of numbered files that any broker may append to',
    },
    `
    auto.leader.rebalance.enable | BOOLEAN | true | - | HIGH | read-only | Whether leaders move back to their preferred broker.
    broker.heartbeat.interval.ms | INT | 2000 | - | MEDIUM | read-only | How often a broker reports to the controller.
    broker.session.timeout.ms | INT | 9000 | - | MEDIUM | read-only | Silence after which the controller fences a broker.
    controlled.shutdown.enable | BOOLEAN | true | - | MEDIUM | read-only | Whether a stopping broker hands over its partitions first.
    controller.listener.names | LIST | null | - | HIGH | read-only | Listeners that lead to the controller.
    controller.performance.always.log.threshold.ms! | LONG | 2000 | [0,...] | MEDIUM | read-only | Duration from which a controller event is always logged.
    controller.performance.sample.period.ms! | LONG | 60000 | [100,...] | MEDIUM | read-only | How often controller timings are logged.
    controller.quorum.append.linger.ms | INT | 25 | [0,...] | MEDIUM | read-only | How long metadata waits for company before it is written.
    controller.quorum.auto.join.enable | BOOLEAN | false | - | LOW | read-only | Whether a new controller joins the quorum by itself.
    controller.quorum.bootstrap.servers | LIST | "" | non-empty list | HIGH | read-only | Where the controllers can be found.
    controller.quorum.election.backoff.max.ms | INT | 1000 | [0,...] | HIGH | read-only | Longest pause before another election.
    controller.quorum.election.timeout.ms | INT | 1000 | [0,...] | HIGH | read-only | Time without a leader before an election starts.
    controller.quorum.fetch.max.bytes | INT | 1048576 | [1,...] | LOW | read-only | Metadata bytes fetched at a time.
    controller.quorum.fetch.snapshot.max.bytes | INT | 1048576 | [1,...] | LOW | read-only | Metadata snapshot bytes fetched at a time.
    controller.quorum.fetch.timeout.ms | INT | 2000 | [0,...] | HIGH | read-only | Time without metadata before the leader is doubted.
    controller.quorum.request.timeout.ms | INT | 2000 | [0,...] | MEDIUM | read-only | How long a request between controllers may take.
    controller.quorum.retry.backoff.ms | INT | 20 | [0,...] | LOW | read-only | Pause before a request between controllers is repeated.
    controller.quorum.voters | LIST | "" | non-empty list | HIGH | read-only | The controllers that vote.
    controller.socket.timeout.ms | INT | 30000 | - | MEDIUM | read-only | How long a socket to the controller may be silent.
    initial.broker.registration.timeout.ms | INT | 60000 | - | MEDIUM | read-only | How long the first registration may take.
    internal.metadata.delete.delay.millis! | LONG | 60000 | - | LOW | read-only | How long deleted metadata files linger.
    internal.metadata.log.segment.bytes! | INT | null | - | LOW | read-only | Segment size of the metadata log in tests.
    internal.metadata.max.batch.size.in.bytes! | INT | 8388608 | - | LOW | read-only | The largest batch of metadata records.
    leader.imbalance.check.interval.seconds | LONG | 300 | [1,...] | HIGH | read-only | How often the spread of leaders is looked at.
    metadata.log.dir | STRING | null | - | HIGH | read-only | Where the metadata log is kept.
    metadata.log.max.record.bytes.between.snapshots | LONG | 20971520 | [1,...] | HIGH | read-only | Metadata bytes between two snapshots.
    metadata.log.max.snapshot.interval.ms | LONG | 3600000 | [0,...] | HIGH | read-only | Time between two metadata snapshots.
    metadata.log.segment.bytes | INT | 1073741824 | [8388608,...] | HIGH | read-only | Segment size of the metadata log.
    metadata.log.segment.ms | LONG | 604800000 | - | HIGH | read-only | Age at which a metadata segment is closed.
    metadata.max.idle.interval.ms | INT | 500 | [0,...] | LOW | read-only | How often an idle controller writes a sign of life.
    metadata.max.retention.bytes | LONG | 104857600 | - | HIGH | read-only | Size above which old metadata is removed.
    metadata.max.retention.ms | LONG | 604800000 | - | HIGH | read-only | Age at which old metadata is removed.
    process.roles | LIST | null | [broker, controller] | HIGH | read-only | Whether the process is a broker, a controller or both; an Ottla process is always a broker.
    unclean.leader.election.interval.ms! | LONG | 300000 | [1,...] | MEDIUM | read-only | How often unclean elections are considered.
  `,
  ),
  ...readTable(
    { kind: 'unused', reason: 'brokers do not copy records from each other' },
    `
    follower.fetch.last.tiered.offset.enable | BOOLEAN | false | - | MEDIUM | cluster-wide | Whether an empty follower skips what is tiered already.
    inter.broker.listener.name | STRING | null | - | MEDIUM | read-only | The listener brokers use among themselves.
    num.replica.fetchers | INT | 1 | [1,...] | HIGH | cluster-wide | Threads that copy from each leader.
    replica.fetch.backoff.ms | INT | 1000 | [0,...] | MEDIUM | read-only | Pause after a failed copy.
    replica.fetch.max.bytes | INT | 1048576 | [0,...] | MEDIUM | read-only | Bytes copied per partition at a time.
    replica.fetch.min.bytes | INT | 1 | - | HIGH | read-only | Bytes a leader waits for before it answers a follower.
    replica.fetch.response.max.bytes | INT | 10485760 | [0,...] | MEDIUM | read-only | Bytes copied per request.
    replica.fetch.wait.max.ms | INT | 500 | - | HIGH | read-only | How long a leader may let a follower wait.
    replica.high.watermark.checkpoint.interval.ms | LONG | 5000 | - | HIGH | read-only | How often high watermarks are written to disk.
    replica.lag.time.max.ms | LONG | 30000 | - | HIGH | read-only | How far behind a follower may be and still count as in sync.
    replica.socket.receive.buffer.bytes | INT | 65536 | - | HIGH | read-only | Size of the kernel's receive buffer of a copying connection.
    replica.socket.timeout.ms | INT | 30000 | - | HIGH | read-only | How long a copying connection may be silent.
    request.timeout.ms | INT | 30000 | - | HIGH | read-only | How long a request between brokers may take.
    security.inter.broker.protocol | STRING | PLAINTEXT | [PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL] | MEDIUM | read-only | The security protocol brokers use among themselves.
    socket.connection.setup.timeout.max.ms | LONG | 30000 | - | MEDIUM | read-only | Longest wait for a connection to another broker.
    socket.connection.setup.timeout.ms | LONG | 10000 | - | MEDIUM | read-only | First wait for a connection to another broker.
  `,
  ),
};
