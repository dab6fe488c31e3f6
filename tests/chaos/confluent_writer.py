"""An idempotent librdkafka producer that writes n = 0, 1, 2 … into one partition (or, with a sixth argument, in turn into so many)
and says what was delivered.

Prints "D <n> <offset>" for each delivery, "E <n> <reason>" for each that failed for good, "END <count>" when all is said.
Ends when its standard input does.
"""
import sys
import threading
import time

from confluent_kafka import Producer

bootstrap, topic, partition, gap_ms, socket_timeout_ms = sys.argv[1:6]
spread = int(sys.argv[6]) if len(sys.argv) > 6 else 0
producer = Producer({
    "bootstrap.servers": bootstrap, "enable.idempotence": True, "acks": "all", "linger.ms": 0,
    "socket.timeout.ms": int(socket_timeout_ms), "message.timeout.ms": 300000,
    "retry.backoff.ms": 20, "retry.backoff.max.ms": 100, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200,
    "topic.metadata.refresh.fast.interval.ms": 50,
})
stopping = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stopping.set()), daemon=True).start()


def delivered(n):
    def report(error, message):
        print(f"E {n} {error}" if error else f"D {n} {message.offset()}", flush=True)
    return report


n = 0
due = time.monotonic()
while not stopping.is_set():
    try:
        value = f"{topic}-{partition}:{n}:{'x' * 80}".encode()
        place = n % spread if spread else int(partition)
        producer.produce(topic, value, partition=place, on_delivery=delivered(n))
        n += 1
    except BufferError:
        producer.poll(0.05)
    due = max(due + float(gap_ms) / 1000, time.monotonic() - 0.1)
    producer.poll(max(0, due - time.monotonic()))
producer.flush(120)
print(f"END {n}", flush=True)
