package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// members are those that live in this agent, by name: closing the channel tells one to leave.
var members sync.Map

// holdings are the partitions of a member; the client has no question for them, only news.
type holdings struct {
	turn  sync.Mutex
	owned []int32
	id    int
}

func (h *holdings) change(by func([]int32) []int32) {
	h.turn.Lock()
	defer h.turn.Unlock()
	h.owned = by(h.owned)
	slices.Sort(h.owned)
	say(object{"id": h.id, "progress": object{"assigned": append([]int32{}, h.owned...)}})
}

func (h *holdings) take(_ context.Context, _ *kgo.Client, more map[string][]int32) {
	h.change(func(owned []int32) []int32 {
		for _, partitions := range more {
			owned = append(owned, partitions...)
		}
		return owned
	})
}

func (h *holdings) drop(_ context.Context, _ *kgo.Client, less map[string][]int32) {
	h.change(func(owned []int32) []int32 {
		for _, partitions := range less {
			owned = slices.DeleteFunc(owned, func(p int32) bool { return slices.Contains(partitions, p) })
		}
		return owned
	})
}

func memberOptions(c *command, held *holdings) []kgo.Opt {
	balancers := map[string]kgo.GroupBalancer{
		"range": kgo.RangeBalancer(), "roundrobin": kgo.RoundRobinBalancer(),
		"cooperative-sticky": kgo.CooperativeStickyBalancer(),
	}
	options := []kgo.Opt{
		kgo.ConsumerGroup(c.Group), kgo.ConsumeTopics(c.Topic), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.MetadataMinAge(250 * time.Millisecond),
		kgo.OnPartitionsAssigned(held.take), kgo.OnPartitionsRevoked(held.drop), kgo.OnPartitionsLost(held.drop),
	}
	if c.Instance != "" {
		options = append(options, kgo.InstanceID(c.Instance))
	}
	if c.Protocol == "consumer" {
		return append(options, kgo.ServerSideBalancer())
	}
	if c.Strategy != "" {
		options = append(options, kgo.Balancers(balancers[c.Strategy]))
	}
	return append(options, kgo.SessionTimeout(time.Duration(c.SessionMs)*time.Millisecond),
		kgo.RebalanceTimeout(60*time.Second), kgo.HeartbeatInterval(300*time.Millisecond))
}

// member is one of a group until it is told to leave.
func member(_ context.Context, c *command) (any, error) {
	leaving := make(chan struct{})
	members.Store(c.Member, leaving)
	cl, err := client(memberOptions(c, &holdings{id: c.ID})...)
	if err != nil {
		return nil, err
	}
	tell := func(event object) { say(object{"id": c.ID, "progress": event}) }
	for {
		select {
		case <-leaving:
			cl.Close()
			return nil, nil
		default:
		}
		limit, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		fetches := cl.PollFetches(limit)
		cancel()
		fetches.EachRecord(func(r *kgo.Record) {
			tell(object{"read": []any{r.Partition, r.Offset}})
			patience, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			// While the group rebalances it is refused, and whoever has the partition then reads the record again.
			if cl.CommitRecords(patience, r) == nil {
				tell(object{"committed": []any{r.Partition, r.Offset + 1}})
			}
		})
	}
}

func leave(_ context.Context, c *command) (any, error) {
	if leaving, there := members.LoadAndDelete(c.Member); there {
		close(leaving.(chan struct{}))
	}
	return nil, nil
}

func listGroups(ctx context.Context, adm *kadm.Client, _ *command) (any, error) {
	found, err := adm.ListGroups(ctx)
	return object{"groups": found.Groups()}, err
}

func describeGroup(ctx context.Context, adm *kadm.Client, c *command) (any, error) {
	found, err := adm.DescribeGroups(ctx, c.Group)
	if err != nil {
		return nil, err
	}
	return object{"state": found[c.Group].State, "members": len(found[c.Group].Members)}, found[c.Group].Err
}

func committed(ctx context.Context, adm *kadm.Client, c *command) (any, error) {
	found, err := adm.FetchOffsets(ctx, c.Group)
	offsets := [][]int64{}
	for partition, at := range found[c.Topic] {
		offsets = append(offsets, []int64{int64(partition), at.At})
	}
	return object{"offsets": offsets}, err
}

func deleteGroup(ctx context.Context, adm *kadm.Client, c *command) (any, error) {
	done, err := adm.DeleteGroup(ctx, c.Group)
	if err == nil {
		err = done.Err
	}
	return nil, err
}
