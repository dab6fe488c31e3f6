"""The agent for confluent-kafka, which is librdkafka inside."""

import sys
import time

from agent import Members, serve, to_bytes, to_text
from confluent_kafka import Consumer, KafkaError, KafkaException, OFFSET_BEGINNING, OFFSET_END, Producer, TopicPartition
from confluent_kafka import ConsumerGroupTopicPartitions, TopicCollection
from confluent_kafka.admin import (
    AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec, ResourceType)

BASE = {
    "bootstrap.servers": sys.argv[1],
    "client.id": "confluent",
    "log_level": 0,
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 500,
}
# It asks one broker, which it takes to be the controller, until its metadata says that another one is: with the default of
# five minutes it asks in vain for as long after that broker was killed.
admin = AdminClient({**BASE, "topic.metadata.refresh.interval.ms": 1_000})
members = Members()


class Refused(Exception):
    """What a delivery report said."""

    def __init__(self, error):
        super().__init__(error.str())
        self.args = (error,)


def headers_of(record):
    return [(name, to_bytes(value)) for name, value in record["h"]]


def send(producer, topic, record, report):
    more = {}
    if "p" in record:
        more["partition"] = record["p"]
    if "t" in record:
        more["timestamp"] = record["t"]
    producer.produce(
        topic, key=to_bytes(record["k"]), value=to_bytes(record["v"]), headers=headers_of(record), on_delivery=report, **more)


def incoming(message):
    headers = [[name, to_text(value)] for name, value in message.headers() or []]
    return {"p": message.partition(), "o": message.offset(), "t": message.timestamp()[1],
            "k": to_text(message.key()), "v": to_text(message.value()), "h": headers}


def produce(c, _progress):
    producer = Producer({
        **BASE, "acks": c["acks"], "compression.type": c["codec"], "enable.idempotence": c["idempotent"], "linger.ms": 5,
        # librdkafka hashes keys with CRC-32 unless it is told to do as the Java client does.
        "partitioner": "murmur2_random",
        "message.max.bytes": 10_000_000, "message.timeout.ms": 60_000})
    offsets, errors = [], []

    def report(error, message):
        if error is not None:
            errors.append(error)
        else:
            offset = message.offset()
            offsets.append({"p": message.partition(), "o": -1 if offset is None or c["acks"] == 0 else offset})

    for record in c["records"]:
        send(producer, c["topic"], record, report)
    producer.flush(30)
    if errors:
        raise Refused(errors[0])
    return {"offsets": offsets}


def stream(c, progress):
    producer = Producer({**BASE, "acks": -1, "enable.idempotence": c["idempotent"], "linger.ms": 0})
    acked, errors = [], []

    def report(error, message):
        if error is not None:
            errors.append(error)
        else:
            acked.append([message.value().decode(), message.offset()])

    for n in range(c["count"]):
        producer.produce(c["topic"], value=f"{c['topic']}-{n}", partition=0, on_delivery=report)
        producer.flush(60)
        if errors:
            raise Refused(errors[0])
        progress(n)
        time.sleep(c["gapMs"] / 1000)
    return {"acked": acked}


def read(consumer, c):
    records = []
    deadline = time.time() + c["waitMs"] / 1000
    while len(records) < c["count"] and time.time() < deadline:
        message = consumer.poll(0.2)
        if message is None:
            continue
        error = message.error()
        if error is None:
            records.append(incoming(message))
        elif not error.retriable() and error.code() >= 0:
            raise Refused(error)
    return {"records": records}


def consumer_of(more):
    return Consumer({
        **BASE, "auto.offset.reset": "earliest", "enable.auto.commit": False, "fetch.wait.max.ms": 100,
        "allow.auto.create.topics": False, "isolation.level": "read_committed", **more})


def consume(c, _progress):
    consumer = consumer_of({"group.id": "never-joined"})
    start, at = c["from"], TopicPartition(c["topic"], c["partition"])
    if start["kind"] == "beginning":
        at.offset = OFFSET_BEGINNING
    elif start["kind"] == "end":
        at.offset = OFFSET_END
    elif start["kind"] == "offset":
        at.offset = start["value"]
    else:
        at.offset = start["value"]
        at = consumer.offsets_for_times([at], timeout=20)[0]
    consumer.assign([at])
    try:
        return read(consumer, c)
    finally:
        consumer.close()


def group(c, _progress):
    protocol = c.get("protocol", "classic")
    consumer = consumer_of({"group.id": c["group"], "group.protocol": protocol})
    consumer.subscribe([c["topic"]])
    try:
        result = read(consumer, c)
        consumer.commit(asynchronous=False)
        consumer.committed([TopicPartition(c["topic"], 0)], timeout=10)
        return result
    finally:
        consumer.close()


def member(c, progress):
    more = {"group.id": c["group"], "group.protocol": c["protocol"]}
    if "instance" in c:
        more["group.instance.id"] = c["instance"]
    if c["protocol"] == "classic":
        more.update({"session.timeout.ms": c["sessionMs"], "heartbeat.interval.ms": 300})
        if "strategy" in c:
            more["partition.assignment.strategy"] = c["strategy"]
    leaving = members.live(c)
    consumer = consumer_of(more)
    consumer.subscribe([c["topic"]])
    known = None
    while not leaving.is_set():
        message = consumer.poll(0.05)
        assigned = sorted(at.partition for at in consumer.assignment())
        if assigned != known:
            progress({"assigned": assigned})
            known = assigned
        if message is None or message.error() is not None:
            continue
        progress({"read": [message.partition(), message.offset()]})
        try:
            consumer.commit(message, asynchronous=False)
            progress({"committed": [message.partition(), message.offset() + 1]})
        except KafkaException:
            pass  # While the group rebalances: whoever has the partition then reads the record again.
    consumer.close()


def list_groups(_c, _progress):
    return {"groups": [found.group_id for found in admin.list_consumer_groups().result(30).valid]}


def describe_group(c, _progress):
    found = each(admin.describe_consumer_groups([c["group"]]))[0]
    states = {"STABLE": "Stable", "EMPTY": "Empty", "DEAD": "Dead"}
    return {"state": states.get(found.state.name, found.state.name), "members": len(found.members)}


def committed(c, _progress):
    found = each(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(c["group"])]))[0]
    return {"offsets": [[at.partition, at.offset] for at in found.topic_partitions if at.topic == c["topic"]]}


def delete_group(c, _progress):
    each(admin.delete_consumer_groups([c["group"]]))


def transaction(c, _progress):
    producer = Producer({**BASE, "transactional.id": c["transactionalId"]})
    producer.init_transactions(30)
    producer.begin_transaction()
    for record in c["records"]:
        send(producer, c["topic"], record, None)
    producer.flush(30)
    if "group" in c:
        consumer = consumer_of({"group.id": c["group"]})
        producer.send_offsets_to_transaction(
            [TopicPartition(c["topic"], 0, 1)], consumer.consumer_group_metadata(), 30)
        consumer.close()
    if c["commit"]:
        producer.commit_transaction(30)
    else:
        producer.abort_transaction(30)


def each(futures):
    return [future.result(30) for future in futures.values()]


def create_topic(c, _progress):
    each(admin.create_topics([NewTopic(c["topic"], c["partitions"], -1, config=c["configs"])]))


def list_topics(_c, _progress):
    return {"topics": list(admin.list_topics(timeout=20).topics)}


def describe_topic(c, _progress):
    found = each(admin.describe_topics(TopicCollection([c["topic"]])))[0]
    return {"partitions": len(found.partitions), "leaders": [p.leader.id if p.leader else -1 for p in found.partitions]}


def describe_configs(c, _progress):
    found = each(admin.describe_configs([ConfigResource(ResourceType.TOPIC, c["topic"])]))[0]
    return {"configs": {name: entry.value for name, entry in found.items()}}


def alter_configs(c, _progress):
    entries = [ConfigEntry(n, v, incremental_operation=AlterConfigOpType.SET) for n, v in c["set"].items()]
    each(admin.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, c["topic"], incremental_configs=entries)]))


def create_partitions(c, _progress):
    each(admin.create_partitions([NewPartitions(c["topic"], c["partitions"])]))


def delete_records(c, _progress):
    done = each(admin.delete_records([TopicPartition(c["topic"], c["partition"], c["before"])]))[0]
    return {"low": done.low_watermark}


def delete_topic(c, _progress):
    each(admin.delete_topics([c["topic"]]))


def describe_cluster(_c, _progress):
    found = admin.describe_cluster().result(30)
    brokers = [{"id": node.id, "host": node.host, "port": node.port} for node in found.nodes]
    return {"brokers": brokers, "controller": found.controller.id, "clusterId": found.cluster_id}


def list_offsets(c, _progress):
    at = c["at"]
    named = {"earliest": OffsetSpec.earliest, "latest": OffsetSpec.latest, "max": OffsetSpec.max_timestamp}
    spec = named[at]() if at in named else OffsetSpec.for_timestamp(at)
    found = each(admin.list_offsets({TopicPartition(c["topic"], c["partition"]): spec}))[0]
    return {"offset": found.offset, "timestamp": found.timestamp}


def code_of(error):
    inner = error.args[0] if error.args else None
    if isinstance(error, (KafkaException, Refused)) and isinstance(inner, KafkaError):
        return inner.code() if inner.code() > 0 else -1
    return -1


serve({
    "produce": produce, "stream": stream, "consume": consume, "group": group, "transaction": transaction,
    "createTopic": create_topic, "listTopics": list_topics, "describeTopic": describe_topic,
    "describeConfigs": describe_configs, "alterConfigs": alter_configs, "createPartitions": create_partitions,
    "deleteRecords": delete_records, "deleteTopic": delete_topic, "describeCluster": describe_cluster,
    "listOffsets": list_offsets, "member": member, "leave": members.leave, "listGroups": list_groups,
    "describeGroup": describe_group, "committed": committed, "deleteGroup": delete_group,
}, code_of)
