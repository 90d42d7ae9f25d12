package ottla;

import static ottla.Report.equal;
import static ottla.Report.isTrue;
import static ottla.TopicChecks.get;

import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.FeatureUpdate;
import org.apache.kafka.clients.admin.UpdateFeaturesOptions;

/** The Admin client on the cluster itself. */
final class ClusterChecks {
    private final Broker broker;
    private final Admin admin;
    private final Report report;

    ClusterChecks(Broker broker, Report report) {
        this.broker = broker;
        this.admin = broker.admin;
        this.report = report;
    }

    void run() {
        report.check("describeCluster shows one broker at the address that was dialled, and it is the controller", () -> {
            var result = admin.describeCluster(new DescribeClusterOptions().includeAuthorizedOperations(true));
            isTrue(!get(result.clusterId()).isBlank(), "cluster id is empty");
            equal(1, get(result.nodes()).size(), "nodes");
            var node = get(result.nodes()).iterator().next();
            equal(broker.bootstrap, node.host() + ":" + node.port(), "address");
            equal(node.id(), get(result.controller()).id(), "controller");
            isTrue(!get(result.authorizedOperations()).isEmpty(), "no authorized operations");
        });
        report.check("the cluster id is the same in every answer", () ->
            equal(get(admin.describeCluster().clusterId()), get(admin.describeCluster().clusterId()), "cluster id"));
        report.check("describeMetadataQuorum names this broker leader and voter", () -> {
            var quorum = get(admin.describeMetadataQuorum().quorumInfo());
            int id = get(admin.describeCluster().nodes()).iterator().next().id();
            equal(id, quorum.leaderId(), "leader");
            equal(1, quorum.voters().size(), "voters");
            isTrue(quorum.highWatermark() >= 0, "high watermark " + quorum.highWatermark());
        });
        report.check("describeFeatures has metadata.version, finalized", () -> {
            var features = get(admin.describeFeatures().featureMetadata());
            isTrue(features.finalizedFeatures().containsKey("metadata.version"), "got " + features);
            isTrue(features.supportedFeatures().containsKey("metadata.version"), "got " + features);
        });
        report.check("updateFeatures to the level that it has, dry run", () -> {
            var features = get(admin.describeFeatures().featureMetadata());
            short level = features.finalizedFeatures().get("metadata.version").maxVersionLevel();
            get(admin.updateFeatures(Map.of("metadata.version", new FeatureUpdate(level, FeatureUpdate.UpgradeType.UPGRADE)), new UpdateFeaturesOptions().validateOnly(true)).all());
        });
    }
}
