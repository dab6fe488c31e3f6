"""A member of a group with librdkafka. Says what it has and what it was given, as member.ts has it; leaves the group when its
standard input ends.

    confluent_member.py <bootstrap> <topic> <group> <instance or -> classic|consumer
"""
import struct
import sys
import threading

from confluent_kafka import Consumer

bootstrap, topic, group, instance, protocol = sys.argv[1:6]
config = {
    "bootstrap.servers": bootstrap, "group.id": group, "group.protocol": protocol, "auto.offset.reset": "earliest",
    "auto.commit.interval.ms": 500, "socket.timeout.ms": 3000, "fetch.wait.max.ms": 200,
    "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "topic.metadata.refresh.fast.interval.ms": 50,
}
if protocol == "classic":
    config |= {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500, "max.poll.interval.ms": 30000}
if instance != "-":
    config["group.instance.id"] = instance
leaving = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), leaving.set()), daemon=True).start()


def say(what):
    return lambda _, partitions: print(what, ",".join(str(each.partition) for each in partitions), flush=True)


def assigned(consumer, partitions):
    # "CGMDv2:", the generation, the group …
    generation, = struct.unpack_from("=i", consumer.consumer_group_metadata(), 7)
    say(f"A {generation} {consumer.memberid()}")(consumer, partitions)


consumer = Consumer(config)
consumer.subscribe([topic], on_assign=assigned, on_revoke=say("R"), on_lost=say("L"))
while not leaving.is_set():
    given = {}
    for message in consumer.consume(500, 0.2):
        if message.error() is None:
            given.setdefault(message.partition(), []).append(message)
    for partition, messages in given.items():
        names = " ".join(b":".join(message.value().split(b":")[:2]).decode() for message in messages)
        print(f"V {partition} {messages[0].offset()}-{messages[-1].offset()} {names}", flush=True)
consumer.close()
