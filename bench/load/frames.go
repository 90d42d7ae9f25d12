// Produce 9, Fetch 12 and record batches as bytes: versions that every broker since Kafka 2.7 answers. Correlation ids are all 0,
// because answers come in the order of the requests; so a prepared frame can be sent as often as wanted.
package main

import (
	"encoding/binary"
	"hash/crc32"
	"math/rand"
)

const (
	produceKey     = 0
	produceVersion = 9
	fetchKey       = 1
	fetchVersion   = 12
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func requestHeader(apiKey, version int16) []byte {
	frame := make([]byte, 4, 256) // the size is filled in by finish
	frame = binary.BigEndian.AppendUint16(frame, uint16(apiKey))
	frame = binary.BigEndian.AppendUint16(frame, uint16(version))
	frame = binary.BigEndian.AppendUint32(frame, 0)
	frame = binary.BigEndian.AppendUint16(frame, 4)
	frame = append(frame, "load"...)
	return append(frame, 0)
}

func finish(frame []byte) []byte {
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	return frame
}

func appendCompactString(frame []byte, value string) []byte {
	return append(binary.AppendUvarint(frame, uint64(len(value)+1)), value...)
}

// produceFrame is a whole request of one batch for one partition.
func produceFrame(topic string, partition int, acks int, batch []byte) []byte {
	frame := requestHeader(produceKey, produceVersion)
	frame = append(frame, 0) // transactional id: null
	frame = binary.BigEndian.AppendUint16(frame, uint16(int16(acks)))
	frame = binary.BigEndian.AppendUint32(frame, 30_000)
	frame = append(frame, 2) // one topic
	frame = appendCompactString(frame, topic)
	frame = append(frame, 2) // one partition
	frame = binary.BigEndian.AppendUint32(frame, uint32(partition))
	frame = binary.AppendUvarint(frame, uint64(len(batch)+1))
	frame = append(frame, batch...)
	return finish(append(frame, 0, 0, 0))
}

// produceAnswer reads the partition's error code; the frame is without its size.
func produceAnswer(frame []byte, topic string) int16 {
	at := 4 + 1 + 1 + 1 + len(topic) + 1 + 4 // correlation id, tags, topics, name, partitions, index
	return int16(binary.BigEndian.Uint16(frame[at:]))
}

// fetchFrame asks for one partition outside any session; fetchOffsetAt is where its offset can be changed in place.
func fetchFrame(job *Job, partition int, minBytes int) (frame []byte, fetchOffsetAt int) {
	frame = requestHeader(fetchKey, fetchVersion)
	frame = binary.BigEndian.AppendUint32(frame, 0xffffffff) // replica id: a consumer
	frame = binary.BigEndian.AppendUint32(frame, uint32(job.FetchMaxWaitMs))
	frame = binary.BigEndian.AppendUint32(frame, uint32(minBytes))
	frame = binary.BigEndian.AppendUint32(frame, 50<<20)
	frame = append(frame, 0)                                 // isolation level: read uncommitted
	frame = binary.BigEndian.AppendUint32(frame, 0)          // session id
	frame = binary.BigEndian.AppendUint32(frame, 0xffffffff) // session epoch: none
	frame = append(frame, 2)
	frame = appendCompactString(frame, job.Topic)
	frame = append(frame, 2)
	frame = binary.BigEndian.AppendUint32(frame, uint32(partition))
	frame = binary.BigEndian.AppendUint32(frame, 0xffffffff) // current leader epoch: unknown
	fetchOffsetAt = len(frame)
	frame = binary.BigEndian.AppendUint64(frame, 0)
	frame = binary.BigEndian.AppendUint32(frame, 0xffffffff)         // last fetched epoch: none
	frame = binary.BigEndian.AppendUint64(frame, 0xffffffffffffffff) // log start offset: a consumer has none
	frame = binary.BigEndian.AppendUint32(frame, uint32(job.FetchMaxBytes))
	frame = append(frame, 0, 0)
	return finish(append(frame, 1, 1, 0)), fetchOffsetAt // nothing forgotten, no rack, no tags
}

// fetchHeadBytes is more than everything before the records.
const fetchHeadBytes = 256

// fetchAnswer finds where the records begin and how many bytes they have; the frame's beginning is enough.
func fetchAnswer(frame []byte, topic string) (errorCode int16, recordsAt int, recordsBytes int) {
	at := 4 + 1 + 4 // correlation id, tags, throttle time
	if errorCode = int16(binary.BigEndian.Uint16(frame[at:])); errorCode != 0 {
		return errorCode, 0, 0
	}
	at += 2 + 4 // error code, session id
	if frame[at] < 2 {
		return 0, 0, 0
	}
	at += 1 + 1 + len(topic) + 1 + 4 // topics, name, partitions, index
	errorCode = int16(binary.BigEndian.Uint16(frame[at:]))
	at += 2 + 8 + 8 + 8                    // high watermark, last stable offset, log start offset
	_, width := binary.Uvarint(frame[at:]) // aborted transactions: none, or null
	at += width + 4                        // preferred read replica
	length, width := binary.Uvarint(frame[at:])
	return errorCode, at + width, max(0, int(length)-1)
}

const batchHeaderBytes = 61

// newBatch has records of random printable values, all alike in length.
func newBatch(records, recordBytes int) []byte {
	random := rand.New(rand.NewSource(1))
	values := make([][]byte, records)
	for i := range values {
		value := make([]byte, recordBytes)
		for k := range value {
			value[k] = byte('0' + random.Intn(64))
		}
		values[i] = value
	}
	return appendBatch(nil, values, 1_700_000_000_000)
}

// appendBatch writes one uncompressed batch without producer id; every record has a value only.
func appendBatch(to []byte, values [][]byte, timestampMs int64) []byte {
	start := len(to)
	to = append(to, make([]byte, batchHeaderBytes)...)
	record := make([]byte, 0, 32)
	for i, value := range values {
		record = append(record[:0], 0, 0)              // attributes, timestamp delta
		record = binary.AppendVarint(record, int64(i)) // offset delta
		record = append(record, 1)                     // no key
		record = binary.AppendVarint(record, int64(len(value)))
		to = binary.AppendVarint(to, int64(len(record)+len(value)+1))
		to = append(to, record...)
		to = append(to, value...)
		to = append(to, 0) // no headers
	}
	batch := to[start:]
	binary.BigEndian.PutUint32(batch[8:], uint32(len(batch)-12))
	batch[16] = 2
	binary.BigEndian.PutUint32(batch[23:], uint32(len(values)-1))
	binary.BigEndian.PutUint64(batch[27:], uint64(timestampMs))
	binary.BigEndian.PutUint64(batch[35:], uint64(timestampMs))
	for i := 43; i < 57; i++ {
		batch[i] = 0xff // producer id, epoch, sequence: none
	}
	binary.BigEndian.PutUint32(batch[57:], uint32(len(values)))
	binary.BigEndian.PutUint32(batch[17:], crc32.Checksum(batch[21:], castagnoli))
	return to
}

// eachValue calls for every record's value of whole uncompressed batches; returns the offset after the last.
func eachValue(batches []byte, next int64, from int64, call func(value []byte)) int64 {
	for len(batches) >= batchHeaderBytes {
		size := 12 + int(binary.BigEndian.Uint32(batches[8:]))
		if size > len(batches) {
			break
		}
		base := int64(binary.BigEndian.Uint64(batches))
		count := int64(binary.BigEndian.Uint32(batches[57:]))
		at := batchHeaderBytes
		for i := int64(0); i < count; i++ {
			length, width := binary.Varint(batches[at:])
			at += width
			end := at + int(length)
			field := at + 2
			_, width = binary.Varint(batches[field:])
			field += width + 1
			valueBytes, width := binary.Varint(batches[field:])
			field += width
			if base+i >= from {
				call(batches[field : field+int(valueBytes)])
			}
			at = end
		}
		next = base + count
		batches = batches[size:]
	}
	return next
}
