package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

type checks struct {
	ctx       context.Context
	bootstrap string
	client    *kgo.Client
	admin     *kadm.Client
	run       string
	topics    int
	only      string
	failed    int
}

// runChecks prints one line per check, "ok …" or "not ok …", and returns how many failed.
func runChecks(ctx context.Context, bootstrap, only string) int {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		fmt.Println("not ok connecting:", err)
		return 1
	}
	defer client.Close()
	c := &checks{ctx: ctx, bootstrap: bootstrap, client: client, admin: kadm.NewClient(client), run: fmt.Sprintf("%x", time.Now().UnixMilli()), only: only}
	for _, name := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		c.check("records compressed with "+name+" come back as they were", func() error { return c.roundTrip(name) })
	}
	c.check("an idempotent producer gets offsets without gaps", c.idempotent)
	c.check("acks 0 and 1 without idempotence", c.acks)
	c.check("headers, null keys and null values", c.nulls)
	c.check("consuming from an offset, after a time, and relative to the end", c.positions)
	c.check("an offset out of range resets or fails as the client is told", c.outOfRange)
	c.check("a consumer of many partitions with small fetches gets every record", c.manyPartitions)
	c.check("kadm: create, describe, grow and delete topics; the errors of doing it twice", c.topicAdmin)
	c.check("kadm: describe and alter configs of topics and brokers", c.configs)
	c.check("kadm: start, end, by time and largest-timestamp offsets; delete records", c.offsets)
	c.check("kadm: offsets for leader epochs", c.leaderEpochs)
	c.check("kadm: log dirs, elections, reassignments", c.cluster)
	c.check("a record over max.message.bytes is refused", c.tooLarge)
	return c.failed
}

func (c *checks) check(name string, body func() error) {
	if !strings.Contains(name, c.only) {
		return
	}
	if err := body(); err != nil {
		c.failed++
		fmt.Printf("not ok %s: %s\n", name, strings.ReplaceAll(err.Error(), "\n", " | "))
		return
	}
	fmt.Println("ok", name)
}

func equal(expected, actual any, what string) error {
	if !reflect.DeepEqual(expected, actual) {
		return fmt.Errorf("%s: expected %v, got %v", what, expected, actual)
	}
	return nil
}

func fails(expected, actual error, what string) error {
	if !errors.Is(actual, expected) {
		return fmt.Errorf("%s: expected %v, got %v", what, expected, actual)
	}
	return nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *checks) name() string {
	c.topics++
	return fmt.Sprintf("go-%s-%d", c.run, c.topics)
}

func (c *checks) topic(partitions int32, config ...string) (string, error) {
	name := c.name()
	configs := map[string]*string{}
	for i := 0; i < len(config); i += 2 {
		configs[config[i]] = kadm.StringPtr(config[i+1])
	}
	_, err := c.admin.CreateTopic(c.ctx, partitions, 1, configs, name)
	return name, err
}

func numbered(count int) [][]byte {
	values := make([][]byte, count)
	for i := range values {
		values[i] = fmt.Appendf(nil, "value-%d", i)
	}
	return values
}

func valuesOf(records []*kgo.Record) [][]byte {
	values := make([][]byte, len(records))
	for i, record := range records {
		values[i] = record.Value
	}
	return values
}

func (c *checks) sendAndRead(count int, options ...kgo.Opt) error {
	topic, err := c.topic(1)
	if err != nil {
		return err
	}
	if _, err = produce(c.ctx, c.bootstrap, topic, numbered(count), options...); err != nil {
		return err
	}
	records, err := consume(c.ctx, c.bootstrap, topic, 0, kgo.NewOffset().AtStart(), count)
	return first(err, equal(numbered(count), valuesOf(records), "values"))
}

func (c *checks) roundTrip(name string) error {
	return c.sendAndRead(500, kgo.ProducerBatchCompression(codec(name)))
}

func (c *checks) idempotent() error {
	topic, err := c.topic(1)
	if err != nil {
		return err
	}
	records, err := produce(c.ctx, c.bootstrap, topic, numbered(3000), kgo.ProducerBatchMaxBytes(2000))
	if err != nil {
		return err
	}
	for i, record := range records {
		if record.Offset != int64(i) {
			return fmt.Errorf("record %d has offset %d", i, record.Offset)
		}
	}
	return nil
}

func (c *checks) acks() error {
	return first(
		c.sendAndRead(100, kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite()),
		c.sendAndRead(100, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite()),
	)
}

func (c *checks) nulls() error {
	topic, err := c.topic(1)
	if err != nil {
		return err
	}
	client, err := newProducer(c.bootstrap)
	if err != nil {
		return err
	}
	defer client.Close()
	headers := []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "a", Value: []byte("2")}, {Key: "null"}, {Key: "empty", Value: []byte{}}}
	at := time.UnixMilli(1_600_000_000_123)
	err = client.ProduceSync(c.ctx,
		&kgo.Record{Topic: topic, Key: []byte("key"), Value: []byte("value"), Headers: headers, Timestamp: at},
		&kgo.Record{Topic: topic},
		&kgo.Record{Topic: topic, Key: []byte{}, Value: []byte{}},
	).FirstErr()
	if err != nil {
		return err
	}
	records, err := consume(c.ctx, c.bootstrap, topic, 0, kgo.NewOffset().AtStart(), 3)
	if err != nil {
		return err
	}
	return first(
		equal(headers, records[0].Headers, "headers"),
		equal(at.UnixMilli(), records[0].Timestamp.UnixMilli(), "timestamp"),
		equal(true, records[1].Key == nil && records[1].Value == nil, "nulls are null"),
		equal(true, records[2].Key != nil && records[2].Value != nil, "empty ones are not null"),
	)
}

func (c *checks) positions() error {
	topic, err := c.topic(1)
	if err != nil {
		return err
	}
	client, err := newProducer(c.bootstrap)
	if err != nil {
		return err
	}
	defer client.Close()
	base := time.Now().Add(-time.Hour).UnixMilli()
	for i, value := range numbered(100) {
		client.Produce(c.ctx, &kgo.Record{Topic: topic, Value: value, Timestamp: time.UnixMilli(base + int64(i)*1000)}, nil)
	}
	if err := client.Flush(c.ctx); err != nil {
		return err
	}
	for offset, expected := range map[kgo.Offset]string{
		kgo.NewOffset().At(42):                     "value-42",
		kgo.NewOffset().AfterMilli(base + 70_500):  "value-71",
		kgo.NewOffset().AtEnd().Relative(-5):       "value-95",
		kgo.NewOffset().AtStart().Relative(3):      "value-3",
		kgo.NewOffset().AfterMilli(base - 100_000): "value-0",
	} {
		records, err := consume(c.ctx, c.bootstrap, topic, 0, offset, 1)
		if err := first(err); err != nil {
			return err
		}
		if err := equal(expected, string(records[0].Value), offset.String()); err != nil {
			return err
		}
	}
	return nil
}

func (c *checks) outOfRange() error {
	topic, err := c.topic(1)
	if err != nil {
		return err
	}
	if _, err = produce(c.ctx, c.bootstrap, topic, numbered(10)); err != nil {
		return err
	}
	reset := kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())
	records, err := consume(c.ctx, c.bootstrap, topic, 0, kgo.NewOffset().At(5000), 10, reset)
	if err := first(err, equal(numbered(10), valuesOf(records), "values after a reset")); err != nil {
		return err
	}
	_, err = consume(c.ctx, c.bootstrap, topic, 0, kgo.NewOffset().At(5000), 1, kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	return fails(kerr.OffsetOutOfRange, err, "consuming out of range")
}

func (c *checks) manyPartitions() error {
	topic, err := c.topic(30)
	if err != nil {
		return err
	}
	producer, err := newProducer(c.bootstrap)
	if err != nil {
		return err
	}
	defer producer.Close()
	assigned := map[int32]kgo.Offset{}
	for partition := range int32(30) {
		assigned[partition] = kgo.NewOffset().AtStart()
		for range 20 {
			producer.Produce(c.ctx, &kgo.Record{Topic: topic, Partition: partition, Value: make([]byte, 500)}, nil)
		}
	}
	if err := producer.Flush(c.ctx); err != nil {
		return err
	}
	consumer, err := kgo.NewClient(kgo.SeedBrokers(c.bootstrap), kgo.FetchMaxBytes(10_000), kgo.FetchMaxPartitionBytes(2_000),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: assigned}))
	if err != nil {
		return err
	}
	defer consumer.Close()
	ctx, cancel := context.WithTimeout(c.ctx, 20*time.Second)
	defer cancel()
	seen := map[int32]int{}
	for total := 0; total < 600; {
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("%d of 600 records came: %w", total, err)
		}
		for _, record := range fetches.Records() {
			seen[record.Partition]++
			total++
		}
	}
	for partition, count := range seen {
		if count != 20 {
			return fmt.Errorf("partition %d gave %d records", partition, count)
		}
	}
	return nil
}

func (c *checks) topicAdmin() error {
	topic, err := c.topic(2)
	if err != nil {
		return err
	}
	listed, err := c.admin.ListTopics(c.ctx, topic)
	if err := first(err, equal(2, len(listed[topic].Partitions), "partitions")); err != nil {
		return err
	}
	_, again := c.admin.CreateTopic(c.ctx, 1, 1, nil, topic)
	_, replicas := c.admin.CreateTopic(c.ctx, 1, 3, nil, c.name())
	_, none := c.admin.CreateTopic(c.ctx, 0, 1, nil, c.name())
	_, badName := c.admin.CreateTopic(c.ctx, 1, 1, nil, "no/topic")
	_, badConfig := c.admin.CreateTopic(c.ctx, 1, 1, map[string]*string{"no.such.key": kadm.StringPtr("1")}, c.name())
	grown, err := c.admin.UpdatePartitions(c.ctx, 4, topic)
	if err := first(
		fails(kerr.TopicAlreadyExists, again, "creating twice"),
		fails(kerr.InvalidReplicationFactor, replicas, "three replicas"),
		fails(kerr.InvalidPartitions, none, "no partitions"),
		fails(kerr.InvalidTopicException, badName, "a bad name"),
		fails(kerr.InvalidConfig, badConfig, "an unknown config"),
		err, grown[topic].Err,
	); err != nil {
		return err
	}
	shrunk, err := c.admin.UpdatePartitions(c.ctx, 3, topic)
	if err := first(err, fails(kerr.InvalidPartitions, shrunk[topic].Err, "fewer partitions")); err != nil {
		return err
	}
	listed, err = c.admin.ListTopics(c.ctx, topic)
	if err := first(err, equal(4, len(listed[topic].Partitions), "partitions after growing")); err != nil {
		return err
	}
	_, err = c.admin.DeleteTopic(c.ctx, topic)
	_, twice := c.admin.DeleteTopic(c.ctx, topic)
	return first(err, fails(kerr.UnknownTopicOrPartition, twice, "deleting twice"))
}

func (c *checks) configs() error {
	topic, err := c.topic(1, "retention.ms", "5000")
	if err != nil {
		return err
	}
	if err := c.expectConfig(topic, "retention.ms", "5000"); err != nil {
		return err
	}
	change := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: kadm.StringPtr("6000")}}
	altered, err := c.admin.AlterTopicConfigs(c.ctx, change, topic)
	if err := first(err, altered[0].Err, c.expectConfig(topic, "retention.ms", "6000")); err != nil {
		return err
	}
	state, err := c.admin.AlterTopicConfigsState(c.ctx, []kadm.AlterConfig{{Name: "segment.ms", Value: kadm.StringPtr("100000")}}, topic)
	if err := first(err, state[0].Err, c.expectConfig(topic, "segment.ms", "100000"), c.expectConfig(topic, "retention.ms", "604800000")); err != nil {
		return err
	}
	bad, err := c.admin.AlterTopicConfigs(c.ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: kadm.StringPtr("soon")}}, topic)
	if err := first(err, fails(kerr.InvalidConfig, bad[0].Err, "a bad value")); err != nil {
		return err
	}
	brokers, err := c.admin.DescribeBrokerConfigs(c.ctx)
	return first(err, brokers[0].Err)
}

func (c *checks) expectConfig(topic, key, value string) error {
	described, err := c.admin.DescribeTopicConfigs(c.ctx, topic)
	if err != nil {
		return err
	}
	for _, config := range described[0].Configs {
		if config.Key == key {
			return equal(value, config.MaybeValue(), key)
		}
	}
	return fmt.Errorf("%s is missing", key)
}

func (c *checks) offsets() error {
	topic, err := c.topic(1)
	if err != nil {
		return err
	}
	if _, err = produce(c.ctx, c.bootstrap, topic, numbered(10)); err != nil {
		return err
	}
	at := func(listed kadm.ListedOffsets, err error) int64 {
		offset, _ := listed.Lookup(topic, 0)
		if err != nil || offset.Err != nil {
			return -99
		}
		return offset.Offset
	}
	largest := at(c.admin.ListMaxTimestampOffsets(c.ctx, topic))
	if err := first(
		equal(int64(0), at(c.admin.ListStartOffsets(c.ctx, topic)), "start"),
		equal(int64(10), at(c.admin.ListEndOffsets(c.ctx, topic)), "end"),
		equal(int64(10), at(c.admin.ListCommittedOffsets(c.ctx, topic)), "committed end"),
		equal(int64(0), at(c.admin.ListOffsetsAfterMilli(c.ctx, 1000, topic)), "after a time"),
		equal(int64(0), at(c.admin.ListLocalLogStartOffsets(c.ctx, topic)), "local start"),
		equal(true, largest >= 0 && largest < 10, "an offset of the largest timestamp"),
	); err != nil {
		return err
	}
	var offsets kadm.Offsets
	offsets.AddOffset(topic, 0, 4, -1)
	deleted, err := c.admin.DeleteRecords(c.ctx, offsets)
	if err != nil {
		return err
	}
	one, _ := deleted.Lookup(topic, 0)
	if err := first(one.Err, equal(int64(4), one.LowWatermark, "low watermark"), equal(int64(4), at(c.admin.ListStartOffsets(c.ctx, topic)), "start")); err != nil {
		return err
	}
	var beyond kadm.Offsets
	beyond.AddOffset(topic, 0, 11, -1)
	deleted, err = c.admin.DeleteRecords(c.ctx, beyond)
	one, _ = deleted.Lookup(topic, 0)
	return first(err, fails(kerr.OffsetOutOfRange, one.Err, "deleting beyond the end"))
}

func (c *checks) leaderEpochs() error {
	topic, err := c.topic(1)
	if err != nil {
		return err
	}
	if _, err = produce(c.ctx, c.bootstrap, topic, numbered(10)); err != nil {
		return err
	}
	metadata, err := c.admin.Metadata(c.ctx, topic)
	if err != nil {
		return err
	}
	epoch := metadata.Topics[topic].Partitions[0].LeaderEpoch
	var request kadm.OffsetForLeaderEpochRequest
	request.Add(topic, 0, epoch)
	answers, err := c.admin.OffsetForLeaderEpoch(c.ctx, request)
	if err != nil {
		return err
	}
	answer := answers[topic][0]
	return first(answer.Err, equal(int64(10), answer.EndOffset, "end offset of the epoch"), equal(epoch, answer.LeaderEpoch, "epoch"))
}

func (c *checks) cluster() error {
	topic, err := c.topic(1)
	if err != nil {
		return err
	}
	if _, err = produce(c.ctx, c.bootstrap, topic, numbered(10)); err != nil {
		return err
	}
	set := kadm.TopicsSet{topic: {0: {}}}
	directories, err := c.admin.DescribeAllLogDirs(c.ctx, set)
	if err != nil {
		return err
	}
	size := int64(0)
	directories.Each(func(directory kadm.DescribedLogDir) {
		directory.Topics.Each(func(partition kadm.DescribedLogDirPartition) { size += partition.Size })
	})
	elected, err := c.admin.ElectLeaders(c.ctx, kadm.ElectPreferredReplica, set)
	reassigned, listError := c.admin.ListPartitionReassignments(c.ctx, set)
	return first(
		equal(true, size > 100, "the size is more than 100"),
		err, fails(kerr.ElectionNotNeeded, elected[topic][0].Err, "an election"),
		listError, equal(0, len(reassigned), "reassignments"),
	)
}

func (c *checks) tooLarge() error {
	topic, err := c.topic(1, "max.message.bytes", "1000")
	if err != nil {
		return err
	}
	_, err = produce(c.ctx, c.bootstrap, topic, [][]byte{make([]byte, 5000)})
	return fails(kerr.MessageTooLarge, err, "5,000 bytes")
}
