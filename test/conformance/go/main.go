// franz-go, and for groups sarama too, against a broker: checks, groups, and the access log in and out.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func main() {
	bootstrap, command, args := os.Args[1], os.Args[2], os.Args[3:]
	ctx, cancel := context.WithTimeout(context.Background(), 150*time.Second)
	defer cancel()
	var err error
	switch command {
	case "checks":
		only := ""
		if len(args) > 0 {
			only = args[0]
		}
		if runChecks(ctx, bootstrap, only) > 0 {
			os.Exit(1)
		}
	case "groups":
		only := ""
		if len(args) > 0 {
			only = args[0]
		}
		if runGroupChecks(ctx, bootstrap, only) > 0 {
			os.Exit(1)
		}
	case "transactions":
		only := ""
		if len(args) > 0 {
			only = args[0]
		}
		if runTransactionChecks(ctx, bootstrap, only) > 0 {
			os.Exit(1)
		}
	case "logins": // CASES
		if runLoginChecks(ctx, args[0]) > 0 {
			os.Exit(1)
		}
	case "transform": // INPUT OUTPUT GROUP TRANSACTIONAL-ID
		err = transform(bootstrap, args[0], args[1], args[2], args[3])
	case "read": // TOPIC PARTITIONS
		var count int
		if count, err = strconv.Atoi(args[1]); err == nil {
			err = readCommitted(bootstrap, args[0], int32(count))
		}
	case "produce": // NAME TOPIC FILE CODEC
		err = produceFile(ctx, bootstrap, args[1], args[2], args[3])
	case "consume": // NAME COUNT DIRECTORY TOPIC...
		for _, topic := range args[3:] {
			if failed := consumeToFile(ctx, bootstrap, topic, args[1], filepath.Join(args[2], topic)); failed != nil {
				fmt.Fprintf(os.Stderr, "%s: %v\n", topic, failed)
				err = failed
			}
		}
	default:
		err = fmt.Errorf("unknown command %s", command)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func codec(name string) kgo.CompressionCodec {
	return map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}[name]
}

func newProducer(bootstrap string, options ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
	}, options...)...)
}

// produce sends the values to partition 0 and returns the records as they were delivered, in order.
func produce(ctx context.Context, bootstrap, topic string, values [][]byte, options ...kgo.Opt) ([]*kgo.Record, error) {
	client, err := newProducer(bootstrap, options...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	records := make([]*kgo.Record, len(values))
	for i, value := range values {
		records[i] = &kgo.Record{Topic: topic, Value: value}
	}
	return records, client.ProduceSync(ctx, records...).FirstErr()
}

// consume reads one partition from an offset until count records have come.
func consume(ctx context.Context, bootstrap, topic string, partition int32, offset kgo.Offset, count int, options ...kgo.Opt) ([]*kgo.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(bootstrap),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: offset}}),
	}, options...)...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var records []*kgo.Record
	for len(records) < count {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("%d of %d records came: %w", len(records), count, err)
		}
		records = append(records, fetches.Records()...)
	}
	return records[:count], nil
}

func produceFile(ctx context.Context, bootstrap, topic, path, codecName string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines := bytes.Split(bytes.TrimSuffix(content, []byte("\n")), []byte("\n"))
	_, err = produce(ctx, bootstrap, topic, lines, kgo.ProducerBatchCompression(codec(codecName)))
	return err
}

func consumeToFile(ctx context.Context, bootstrap, topic, count, path string) error {
	wanted, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	records, err := consume(ctx, bootstrap, topic, 0, kgo.NewOffset().AtStart(), wanted)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	for _, record := range records {
		out.Write(record.Value)
		out.WriteByte('\n')
	}
	return os.WriteFile(path, out.Bytes(), 0o644)
}
