package main

import (
	"context"

	"github.com/twmb/franz-go/pkg/kadm"
)

func createTopic(ctx context.Context, adm *kadm.Client, c *command) (any, error) {
	configs := map[string]*string{}
	for name, value := range c.Configs {
		configs[name] = kadm.StringPtr(value)
	}
	_, err := adm.CreateTopic(ctx, int32(c.Partitions), -1, configs, c.Topic)
	return nil, err
}

func listTopics(ctx context.Context, adm *kadm.Client, c *command) (any, error) {
	found, err := adm.ListTopics(ctx)
	return object{"topics": found.Names()}, err
}

func describeTopic(ctx context.Context, adm *kadm.Client, c *command) (any, error) {
	found, err := adm.ListTopics(ctx, c.Topic)
	if err == nil {
		err = found.Error()
	}
	if err != nil {
		return nil, err
	}
	leaders := []int32{}
	for _, partition := range found[c.Topic].Partitions.Sorted() {
		leaders = append(leaders, partition.Leader)
	}
	return object{"partitions": len(leaders), "leaders": leaders}, nil
}

func describeConfigs(ctx context.Context, adm *kadm.Client, c *command) (any, error) {
	found, err := adm.DescribeTopicConfigs(ctx, c.Topic)
	if err != nil {
		return nil, err
	}
	configs := object{}
	for _, entry := range found[0].Configs {
		configs[entry.Key] = entry.Value
	}
	return object{"configs": configs}, found[0].Err
}

func alterConfigs(ctx context.Context, adm *kadm.Client, c *command) (any, error) {
	operations := []kadm.AlterConfig{}
	for name, value := range c.Set {
		operations = append(operations, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: kadm.StringPtr(value)})
	}
	done, err := adm.AlterTopicConfigs(ctx, operations, c.Topic)
	if err == nil {
		err = done[0].Err
	}
	return nil, err
}

func createPartitions(ctx context.Context, adm *kadm.Client, c *command) (any, error) {
	done, err := adm.UpdatePartitions(ctx, c.Partitions, c.Topic)
	if err == nil {
		err = done.Error()
	}
	return nil, err
}

func deleteRecords(ctx context.Context, adm *kadm.Client, c *command) (any, error) {
	before := kadm.Offsets{}
	before.AddOffset(c.Topic, c.Partition, c.Before, -1)
	done, err := adm.DeleteRecords(ctx, before)
	if err == nil {
		err = done.Error()
	}
	if err != nil {
		return nil, err
	}
	return object{"low": done[c.Topic][c.Partition].LowWatermark}, nil
}

func deleteTopic(ctx context.Context, adm *kadm.Client, c *command) (any, error) {
	done, err := adm.DeleteTopics(ctx, c.Topic)
	if err == nil {
		err = done.Error()
	}
	return nil, err
}

func describeCluster(ctx context.Context, adm *kadm.Client, c *command) (any, error) {
	found, err := adm.BrokerMetadata(ctx)
	if err != nil {
		return nil, err
	}
	brokers := []object{}
	for _, broker := range found.Brokers {
		brokers = append(brokers, object{"id": broker.NodeID, "host": broker.Host, "port": broker.Port})
	}
	return object{"brokers": brokers, "controller": found.Controller, "clusterId": found.Cluster}, nil
}

func listOffsets(ctx context.Context, adm *kadm.Client, c *command) (any, error) {
	var found kadm.ListedOffsets
	var err error
	switch at := c.At.(type) {
	case float64:
		found, err = adm.ListOffsetsAfterMilli(ctx, int64(at), c.Topic)
	case string:
		switch at {
		case "earliest":
			found, err = adm.ListStartOffsets(ctx, c.Topic)
		case "latest":
			found, err = adm.ListEndOffsets(ctx, c.Topic)
		default:
			found, err = adm.ListMaxTimestampOffsets(ctx, c.Topic)
		}
	}
	if err == nil {
		err = found.Error()
	}
	if err != nil {
		return nil, err
	}
	at := found[c.Topic][c.Partition]
	return object{"offset": at.Offset, "timestamp": at.Timestamp}, nil
}

func logDirs(ctx context.Context, adm *kadm.Client, c *command) (any, error) {
	found, err := adm.DescribeAllLogDirs(ctx, nil)
	if err != nil {
		return nil, err
	}
	total := int64(0)
	for _, dirs := range found {
		if err := dirs.Error(); err != nil {
			return nil, err
		}
		dirs.EachPartition(func(partition kadm.DescribedLogDirPartition) {
			if partition.Topic == c.Topic {
				total += partition.Size
			}
		})
	}
	return object{"bytes": total}, nil
}

func describeProducers(ctx context.Context, adm *kadm.Client, c *command) (any, error) {
	of := kadm.TopicsSet{}
	of.Add(c.Topic, c.Partition)
	found, err := adm.DescribeProducers(ctx, of)
	if err != nil {
		return nil, err
	}
	return object{"producers": len(found[c.Topic].Partitions[c.Partition].ActiveProducers)}, nil
}
