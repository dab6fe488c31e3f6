"""A member of a group with librdkafka. Says what it was given: "V <writer>:<n> …" for each poll.

    confluent_member.py <bootstrap> <topic> <group> <instance or -> classic|consumer
"""
import sys

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
consumer = Consumer(config)
consumer.subscribe([topic])
while True:
    messages = [message for message in consumer.consume(500, 0.2) if message.error() is None]
    if messages:
        print("V " + " ".join(b":".join(message.value().split(b":")[:2]).decode() for message in messages), flush=True)
