// The part of the Java agent that is a member of groups and administers them.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

class JavaGroups {
    static final ObjectMapper JSON = new ObjectMapper();
    /** The members that live in this agent, by name: counting down tells one to leave. */
    static final Map<String, CountDownLatch> LEAVING = new ConcurrentHashMap<>();
    static final Map<String, String> STRATEGIES = Map.of(
        "range", "RangeAssignor", "roundrobin", "RoundRobinAssignor", "cooperative-sticky", "CooperativeStickyAssignor");

    static Map<String, String> settings(JsonNode c) {
        var settings = new HashMap<String, String>();
        settings.put("group.id", c.get("group").asText());
        settings.put("auto.offset.reset", "earliest");
        settings.put("group.protocol", c.get("protocol").asText());
        if (c.has("instance")) settings.put("group.instance.id", c.get("instance").asText());
        if (c.get("protocol").asText().equals("consumer")) return settings;
        settings.put("session.timeout.ms", c.get("sessionMs").asText());
        settings.put("heartbeat.interval.ms", "300");
        settings.put("max.poll.interval.ms", "60000");
        if (c.has("strategy")) {
            settings.put("partition.assignment.strategy",
                "org.apache.kafka.clients.consumer." + STRATEGIES.get(c.get("strategy").asText()));
        }
        return settings;
    }

    static ObjectNode member(JsonNode c) {
        var leaving = new CountDownLatch(1);
        LEAVING.put(c.get("member").asText(), leaving);
        List<Integer> known = null;
        try (var consumer = JavaAgent.consumer(settings(c))) {
            consumer.subscribe(List.of(c.get("topic").asText()));
            while (leaving.getCount() > 0) {
                var records = consumer.poll(Duration.ofMillis(50));
                var assigned = consumer.assignment().stream().map(TopicPartition::partition).sorted().toList();
                if (!assigned.equals(known)) tellAssigned(c, known = assigned);
                for (var record : records) {
                    tell(c, "read", record.partition(), record.offset());
                    var at = new TopicPartition(record.topic(), record.partition());
                    try {
                        consumer.commitSync(Map.of(at, new OffsetAndMetadata(record.offset() + 1)));
                        tell(c, "committed", record.partition(), record.offset() + 1);
                    } catch (KafkaException refused) {
                        // While the group rebalances: whoever has the partition then reads the record again.
                    }
                }
            }
        }
        return JSON.createObjectNode();
    }

    static ObjectNode progress(JsonNode c, ObjectNode line) {
        return line.put("id", c.get("id").asInt()).putObject("progress");
    }

    static void tell(JsonNode c, String what, int partition, long offset) {
        ObjectNode line = JSON.createObjectNode();
        progress(c, line).putArray(what).add(partition).add(offset);
        JavaAgent.say(line);
    }

    static void tellAssigned(JsonNode c, List<Integer> assigned) {
        ObjectNode line = JSON.createObjectNode();
        ArrayNode partitions = progress(c, line).putArray("assigned");
        assigned.forEach(partitions::add);
        JavaAgent.say(line);
    }

    static ObjectNode leave(JsonNode c) {
        CountDownLatch leaving = LEAVING.remove(c.get("member").asText());
        if (leaving != null) leaving.countDown();
        return JSON.createObjectNode();
    }

    static ObjectNode list() throws Exception {
        ObjectNode result = JSON.createObjectNode();
        ArrayNode groups = result.putArray("groups");
        JavaAgent.admin.listGroups().all().get().forEach(group -> groups.add(group.groupId()));
        return result;
    }

    static ObjectNode describe(JsonNode c) throws Exception {
        String group = c.get("group").asText();
        var found = JavaAgent.admin.describeConsumerGroups(List.of(group)).all().get().get(group);
        return JSON.createObjectNode().put("state", found.groupState().toString()).put("members", found.members().size());
    }

    static ObjectNode committed(JsonNode c) throws Exception {
        ObjectNode result = JSON.createObjectNode();
        ArrayNode offsets = result.putArray("offsets");
        var found = JavaAgent.admin.listConsumerGroupOffsets(c.get("group").asText()).partitionsToOffsetAndMetadata().get();
        found.forEach((at, offset) -> {
            if (at.topic().equals(c.get("topic").asText())) offsets.addArray().add(at.partition()).add(offset.offset());
        });
        return result;
    }

    static ObjectNode delete(JsonNode c) throws Exception {
        JavaAgent.admin.deleteConsumerGroups(List.of(c.get("group").asText())).all().get();
        return JSON.createObjectNode();
    }
}
