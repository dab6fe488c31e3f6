"""The agent for kafka-python, version 3."""

import logging
import sys
import time

from agent import Members, serve, to_bytes, to_text
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.errors import KafkaError, for_code
from kafka.structs import OffsetAndMetadata

members = Members()
logging.disable(logging.CRITICAL)
BASE = {
    "bootstrap_servers": sys.argv[1],
    "client_id": "kafka-python",
    "reconnect_backoff_ms": 50,
    "reconnect_backoff_max_ms": 500,
}


def headers_of(record):
    return [(name, to_bytes(value)) for name, value in record["h"]]


def send(producer, topic, record):
    return producer.send(
        topic, key=to_bytes(record["k"]), value=to_bytes(record["v"]), headers=headers_of(record),
        partition=record.get("p"), timestamp_ms=record.get("t"))


def incoming(record):
    headers = [[name, to_text(value)] for name, value in record.headers]
    return {"p": record.partition, "o": record.offset, "t": record.timestamp,
            "k": to_text(record.key), "v": to_text(record.value), "h": headers}


def produce(c, _progress):
    producer = KafkaProducer(
        **BASE, acks=c["acks"], compression_type=None if c["codec"] == "none" else c["codec"],
        enable_idempotence=c["idempotent"], linger_ms=5, batch_size=2_000_000, max_request_size=10_000_000,
        max_block_ms=30_000, allow_auto_create_topics=c["auto"])
    try:
        futures = [send(producer, c["topic"], record) for record in c["records"]]
        producer.flush(30)
        return {"offsets": [{"p": f.get(30).partition, "o": f.get(30).offset} for f in futures]}
    finally:
        producer.close(5)


def stream(c, progress):
    producer = KafkaProducer(**BASE, acks=-1, enable_idempotence=c["idempotent"], max_block_ms=60_000)
    acked = []
    for n in range(c["count"]):
        value = f"{c['topic']}-{n}"
        at = producer.send(c["topic"], value=value.encode(), partition=0).get(60)
        acked.append([value, at.offset])
        progress(n)
        time.sleep(c["gapMs"] / 1000)
    producer.close(5)
    return {"acked": acked}


def read(consumer, c):
    records = []
    deadline = time.time() + c["waitMs"] / 1000
    while len(records) < c["count"] and time.time() < deadline:
        for found in consumer.poll(timeout_ms=200).values():
            records.extend(incoming(record) for record in found)
    return {"records": records}


def consumer_of(**more):
    return KafkaConsumer(
        **BASE, auto_offset_reset="earliest", enable_auto_commit=False, isolation_level="read_committed",
        allow_auto_create_topics=False, **more)


def consume(c, _progress):
    consumer = consumer_of()
    start, at = c["from"], TopicPartition(c["topic"], c["partition"])
    consumer.assign([at])
    if start["kind"] == "beginning":
        consumer.seek_to_beginning(at)
    elif start["kind"] == "end":
        consumer.seek_to_end(at)
        consumer.position(at)
    elif start["kind"] == "offset":
        consumer.seek(at, start["value"])
    else:
        consumer.seek(at, consumer.offsets_for_times({at: start["value"]})[at].offset)
    try:
        return read(consumer, c)
    finally:
        consumer.close()


def subscribe(consumer, topic):
    """Subscribes, and knows the topic before it joins.

    Who hears of it afterwards joins again, and if that takes longer than one poll does, the client never looks at its answer: it
    takes the metadata for what it has joined with, and waits for ever for partitions that it has been given.
    """
    consumer.subscribe([topic])
    for _ in range(600):
        try:
            if consumer.partitions_for_topic(topic):
                return
        except KafkaError:
            pass  # No broker could be asked just now.
        time.sleep(0.1)
    raise RuntimeError(f"{topic} is not known")


def group(c, _progress):
    consumer = consumer_of(group_id=c["group"])
    subscribe(consumer, c["topic"])
    try:
        result = read(consumer, c)
        consumer.commit()
        consumer.committed(TopicPartition(c["topic"], 0))
        return result
    finally:
        consumer.close()


ASSIGNORS = {
    "range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor,
    "cooperative-sticky": CooperativeStickyAssignor}


def member(c, progress):
    more = {"group_id": c["group"], "session_timeout_ms": c["sessionMs"], "heartbeat_interval_ms": 300,
            "max_poll_interval_ms": 120_000, "metadata_max_age_ms": 1_000}
    if "instance" in c:
        more["group_instance_id"] = c["instance"]
    if "strategy" in c:
        more["partition_assignment_strategy"] = [ASSIGNORS[c["strategy"]]]
    leaving = members.live(c)
    consumer = consumer_of(**more)
    subscribe(consumer, c["topic"])
    known = None
    while not leaving.is_set():
        found = consumer.poll(timeout_ms=50)
        assigned = sorted(at.partition for at in consumer.assignment())
        if assigned != known:
            progress({"assigned": assigned})
            known = assigned
        for at, records in found.items():
            for record in records:
                progress({"read": [record.partition, record.offset]})
            last = records[-1].offset + 1
            try:
                consumer.commit({at: OffsetAndMetadata(last, "", -1)})
                progress({"committed": [at.partition, last]})
            except KafkaError:
                pass  # While the group rebalances: whoever has the partition then reads the record again.
    consumer.close()


def list_groups(admin, _c):
    return {"groups": [found["group_id"] for found in admin.list_groups()]}


def describe_group(admin, c):
    found = admin.describe_groups([c["group"]])[c["group"]]
    return {"state": found["group_state"], "members": len(found["members"])}


def committed(admin, c):
    found = admin.list_group_offsets([c["group"]])[c["group"]]
    return {"offsets": [[at.partition, it.offset] for at, it in found.items() if at.topic == c["topic"]]}


def delete_group(admin, c):
    [result] = admin.delete_groups([c["group"]]).values()
    if result != "OK":
        raise RuntimeError(result)


def transaction(c, _progress):
    producer = KafkaProducer(**BASE, transactional_id=c["transactionalId"], enable_idempotence=True)
    producer.init_transactions()
    producer.begin_transaction()
    for record in c["records"]:
        send(producer, c["topic"], record)
    if "group" in c:
        producer.send_offsets_to_transaction({TopicPartition(c["topic"], 0): OffsetAndMetadata(1, "", -1)}, c["group"])
    if c["commit"]:
        producer.commit_transaction()
    else:
        producer.abort_transaction()
    producer.close(5)


def with_admin(use):
    def handler(c, _progress):
        admin = KafkaAdminClient(**BASE)
        try:
            return use(admin, c)
        finally:
            admin.close()
    return handler


def create_topic(admin, c):
    admin.create_topics({c["topic"]: {"num_partitions": c["partitions"], "configs": c["configs"]}})


def list_topics(admin, _c):
    return {"topics": admin.list_topics()}


def describe_topic(admin, c):
    found = admin.describe_topics([c["topic"]])[0]
    if found["error_code"] != 0:
        raise for_code(found["error_code"])()
    partitions = found["partitions"]
    return {"partitions": len(partitions), "leaders": [p["leader_id"] for p in partitions]}


def resource(c, configs=None):
    return ConfigResource(ConfigResourceType.TOPIC, c["topic"], configs)


def describe_configs(admin, c):
    found = admin.describe_configs([resource(c)], include_synonyms=True, config_filter="all")
    topic = next(iter(found.values()))[c["topic"]]
    return {"configs": {name: entry["value"] for name, entry in topic.items()}}


def alter_configs(admin, c):
    admin.alter_configs([resource(c, c["set"])])


def create_partitions(admin, c):
    admin.create_partitions({c["topic"]: c["partitions"]})


def delete_records(admin, c):
    admin.delete_records({TopicPartition(c["topic"], c["partition"]): c["before"]})


def delete_topic(admin, c):
    admin.delete_topics([c["topic"]])


def describe_cluster(admin, _c):
    found = admin.describe_cluster()
    brokers = [{"id": b["broker_id"], "host": b["host"], "port": b["port"]} for b in found["brokers"]]
    return {"brokers": brokers, "controller": found["controller_id"], "clusterId": found["cluster_id"]}


def list_offsets(admin, c):
    spec = {"earliest": -2, "latest": -1, "max": -3}.get(c["at"], c["at"])
    at = TopicPartition(c["topic"], c["partition"])
    found = admin.list_partition_offsets({at: spec})[at]
    return {"offset": found.offset, "timestamp": found.timestamp}


def log_dirs(admin, c):
    found = admin.describe_log_dirs([c["topic"]])
    partitions = [p for b in found for d in b["log_dirs"] for t in d["topics"] for p in t["partitions"]]
    return {"bytes": sum(p["partition_size"] for p in partitions)}


def describe_producers(admin, c):
    at = TopicPartition(c["topic"], c["partition"])
    return {"producers": len(admin.describe_producers([at])[at].active_producers)}


serve({
    "produce": produce, "stream": stream, "consume": consume, "group": group, "transaction": transaction,
    "createTopic": with_admin(create_topic), "listTopics": with_admin(list_topics),
    "describeTopic": with_admin(describe_topic), "describeConfigs": with_admin(describe_configs),
    "alterConfigs": with_admin(alter_configs), "createPartitions": with_admin(create_partitions),
    "deleteRecords": with_admin(delete_records), "deleteTopic": with_admin(delete_topic),
    "describeCluster": with_admin(describe_cluster), "listOffsets": with_admin(list_offsets),
    "member": member, "leave": members.leave, "listGroups": with_admin(list_groups),
    "describeGroup": with_admin(describe_group), "committed": with_admin(committed), "deleteGroup": with_admin(delete_group), "logDirs": with_admin(log_dirs), "describeProducers": with_admin(describe_producers),
}, lambda error: getattr(error, "errno", None) or -1)
