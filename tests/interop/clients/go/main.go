// The agent for franz-go: one JSON command per line in, one JSON line out (see agent.ts for the protocol).
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// header is a pair of a name and base64 bytes, or null.
type header struct {
	name  string
	value []byte
}

func (h *header) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&h.name, &h.value})
}
func (h header) MarshalJSON() ([]byte, error) { return json.Marshal([]any{h.name, h.value}) }

// record uses that encoding/json writes bytes as base64 and nil bytes as null.
type record struct {
	P *int32   `json:"p,omitempty"`
	O int64    `json:"o"`
	T *int64   `json:"t,omitempty"`
	K []byte   `json:"k"`
	V []byte   `json:"v"`
	H []header `json:"h"`
}

type command struct {
	ID         int               `json:"id"`
	Do         string            `json:"do"`
	Topic      string            `json:"topic"`
	Partition  int32             `json:"partition"`
	Partitions int               `json:"partitions"`
	Configs    map[string]string `json:"configs"`
	Set        map[string]string `json:"set"`
	Codec      string            `json:"codec"`
	Acks       int               `json:"acks"`
	Idempotent bool              `json:"idempotent"`
	Auto       bool              `json:"auto"`
	Records    []record          `json:"records"`
	From       struct {
		Kind  string `json:"kind"`
		Value int64  `json:"value"`
	} `json:"from"`
	Count           int    `json:"count"`
	WaitMs          int    `json:"waitMs"`
	GapMs           int    `json:"gapMs"`
	Before          int64  `json:"before"`
	At              any    `json:"at"`
	Group           string `json:"group"`
	Protocol        string `json:"protocol"`
	Member          string `json:"member"`
	Instance        string `json:"instance"`
	SessionMs       int    `json:"sessionMs"`
	Strategy        string `json:"strategy"`
	TransactionalID string `json:"transactionalId"`
	Commit          bool   `json:"commit"`
}

type object = map[string]any

var (
	bootstrap string
	turn      sync.Mutex
	codecs    = map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
)

func say(line object) {
	text, _ := json.Marshal(line)
	turn.Lock()
	defer turn.Unlock()
	os.Stdout.Write(append(text, '\n'))
}

func main() {
	bootstrap = os.Args[1]
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var c command
		if err := json.Unmarshal(line, &c); err != nil {
			panic(err)
		}
		go act(&c)
	}
}

func act(c *command) {
	handler, known := handlers[c.Do]
	if !known {
		say(object{"id": c.ID, "error": object{"code": -1, "message": "no command " + c.Do}})
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	result, err := handler(ctx, c)
	if err != nil {
		code := int16(-1)
		var known *kerr.Error
		if errors.As(err, &known) {
			code = known.Code
		}
		say(object{"id": c.ID, "error": object{"code": code, "message": err.Error()}})
		return
	}
	if result == nil {
		result = object{}
	}
	say(object{"id": c.ID, "ok": result})
}

func client(more ...kgo.Opt) (*kgo.Client, error) {
	base := []kgo.Opt{kgo.SeedBrokers(strings.Split(bootstrap, ",")...), kgo.ClientID("franz-go"), kgo.FetchMaxWait(200 * time.Millisecond)}
	return kgo.NewClient(append(base, more...)...)
}

func outgoing(topic string, r record) *kgo.Record {
	out := &kgo.Record{Topic: topic, Key: r.K, Value: r.V, Partition: -1}
	if r.P != nil {
		out.Partition = *r.P
	}
	if r.T != nil {
		out.Timestamp = time.UnixMilli(*r.T)
	}
	for _, h := range r.H {
		out.Headers = append(out.Headers, kgo.RecordHeader{Key: h.name, Value: h.value})
	}
	return out
}

func incoming(r *kgo.Record) record {
	t := r.Timestamp.UnixMilli()
	in := record{P: &r.Partition, O: r.Offset, T: &t, K: r.Key, V: r.Value, H: []header{}}
	for _, h := range r.Headers {
		in.H = append(in.H, header{h.Key, h.Value})
	}
	return in
}

// partitioner obeys the partition of a record that names one and hashes keys as the Java client does otherwise.
func partitioner() kgo.Opt {
	hashing := kgo.StickyKeyPartitioner(nil)
	return kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(func(topic string) func(*kgo.Record, int) int {
		inner := hashing.ForTopic(topic)
		return func(r *kgo.Record, n int) int {
			if r.Partition >= 0 {
				return int(r.Partition)
			}
			return inner.Partition(r, n)
		}
	}))
}

func produceOptions(c *command) []kgo.Opt {
	acks := map[int]kgo.Acks{0: kgo.NoAck(), 1: kgo.LeaderAck(), -1: kgo.AllISRAcks()}[c.Acks]
	options := []kgo.Opt{
		partitioner(), kgo.RequiredAcks(acks), kgo.ProducerBatchCompression(codecs[c.Codec]),
		kgo.ProducerBatchMaxBytes(10_000_000), kgo.ProducerLinger(5 * time.Millisecond),
	}
	if !c.Idempotent {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	if c.Auto {
		options = append(options, kgo.AllowAutoTopicCreation())
	}
	return options
}

func produce(ctx context.Context, c *command) (any, error) {
	cl, err := client(append(produceOptions(c), kgo.UnknownTopicRetries(5))...)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	var records []*kgo.Record
	for _, r := range c.Records {
		records = append(records, outgoing(c.Topic, r))
	}
	results := cl.ProduceSync(ctx, records...)
	if err := results.FirstErr(); err != nil {
		return nil, err
	}
	offsets := []object{}
	for _, each := range results {
		offset := each.Record.Offset
		if c.Acks == 0 {
			offset = -1
		}
		offsets = append(offsets, object{"p": each.Record.Partition, "o": offset})
	}
	return object{"offsets": offsets}, nil
}

func stream(ctx context.Context, c *command) (any, error) {
	options := []kgo.Opt{kgo.RecordPartitioner(kgo.ManualPartitioner())}
	if !c.Idempotent {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	cl, err := client(options...)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	acked := [][]any{}
	for n := 0; n < c.Count; n++ {
		value := fmt.Sprintf("%s-%d", c.Topic, n)
		done, err := cl.ProduceSync(ctx, &kgo.Record{Topic: c.Topic, Value: []byte(value)}).First()
		if err != nil {
			return nil, err
		}
		acked = append(acked, []any{value, done.Offset})
		say(object{"id": c.ID, "progress": n})
		time.Sleep(time.Duration(c.GapMs) * time.Millisecond)
	}
	return object{"acked": acked}, nil
}

func read(ctx context.Context, cl *kgo.Client, c *command) (any, error) {
	limit, cancel := context.WithTimeout(ctx, time.Duration(c.WaitMs)*time.Millisecond)
	defer cancel()
	records := []record{}
	for len(records) < c.Count && limit.Err() == nil {
		fetches := cl.PollFetches(limit)
		if err := fetches.Err0(); err != nil && limit.Err() == nil {
			return nil, err
		}
		fetches.EachRecord(func(r *kgo.Record) { records = append(records, incoming(r)) })
	}
	return object{"records": records}, nil
}

func consume(ctx context.Context, c *command) (any, error) {
	at := kgo.NewOffset()
	switch c.From.Kind {
	case "beginning":
		at = at.AtStart()
	case "end":
		at = at.AtEnd()
	case "offset":
		at = at.At(c.From.Value)
	default:
		at = at.AfterMilli(c.From.Value)
	}
	cl, err := client(
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{c.Topic: {c.Partition: at}}))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	return read(ctx, cl, c)
}

func group(ctx context.Context, c *command) (any, error) {
	cl, err := client(kgo.ConsumerGroup(c.Group), kgo.ConsumeTopics(c.Topic), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	result, err := read(ctx, cl, c)
	if err == nil {
		err = cl.CommitUncommittedOffsets(ctx)
	}
	if err == nil {
		_, err = kadm.NewClient(cl).FetchOffsets(ctx, c.Group)
	}
	return result, err
}

func transaction(ctx context.Context, c *command) (any, error) {
	cl, err := client(kgo.TransactionalID(c.TransactionalID), partitioner())
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	if err := cl.BeginTransaction(); err != nil {
		return nil, err
	}
	var records []*kgo.Record
	for _, r := range c.Records {
		records = append(records, outgoing(c.Topic, r))
	}
	if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return nil, err
	}
	return nil, cl.EndTransaction(ctx, kgo.TransactionEndTry(c.Commit))
}

type use func(context.Context, *kadm.Client, *command) (any, error)

func withAdmin(work use) func(context.Context, *command) (any, error) {
	return func(ctx context.Context, c *command) (any, error) {
		cl, err := client()
		if err != nil {
			return nil, err
		}
		defer cl.Close()
		return work(ctx, kadm.NewClient(cl), c)
	}
}

var handlers = map[string]func(context.Context, *command) (any, error){
	"produce": produce, "stream": stream, "consume": consume, "group": group, "transaction": transaction,
	"createTopic": withAdmin(createTopic), "listTopics": withAdmin(listTopics),
	"describeTopic": withAdmin(describeTopic), "describeConfigs": withAdmin(describeConfigs),
	"alterConfigs": withAdmin(alterConfigs), "createPartitions": withAdmin(createPartitions),
	"deleteRecords": withAdmin(deleteRecords), "deleteTopic": withAdmin(deleteTopic),
	"describeCluster": withAdmin(describeCluster), "listOffsets": withAdmin(listOffsets),
	"logDirs": withAdmin(logDirs), "describeProducers": withAdmin(describeProducers),
	"member": member, "leave": leave, "listGroups": withAdmin(listGroups),
	"describeGroup": withAdmin(describeGroup), "committed": withAdmin(committed), "deleteGroup": withAdmin(deleteGroup),
}
