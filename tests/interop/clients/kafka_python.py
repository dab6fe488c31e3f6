"""The agent for kafka-python, version 3."""

import logging
import sys
import time

from agent import serve, to_bytes, to_text
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import for_code
from kafka.structs import OffsetAndMetadata

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
        max_block_ms=15_000, allow_auto_create_topics=c["auto"])
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


def group(c, _progress):
    consumer = consumer_of(group_id=c["group"])
    consumer.subscribe([c["topic"]])
    try:
        result = read(consumer, c)
        consumer.commit()
        consumer.committed(TopicPartition(c["topic"], 0))
        return result
    finally:
        consumer.close()


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
    "logDirs": with_admin(log_dirs), "describeProducers": with_admin(describe_producers),
}, lambda error: getattr(error, "errno", None) or -1)
