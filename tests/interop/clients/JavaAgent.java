// The agent for Apache's own Java clients: one JSON command per line in, one JSON line out (see agent.ts for the protocol).
// Compiled with JavaGroups.java; Jackson comes with Kafka's own jars.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class JavaAgent {
    static final ObjectMapper JSON = new ObjectMapper();
    static final PrintStream OUT = new PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.out), false);
    static String bootstrap;
    static Admin admin;

    public static void main(String[] arguments) throws Exception {
        bootstrap = arguments[0];
        admin = Admin.create(Map.of("bootstrap.servers", bootstrap, "client.id", "java"));
        var workers = Executors.newCachedThreadPool();
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            JsonNode command = JSON.readTree(line);
            workers.submit(() -> act(command));
        }
        System.exit(0);
    }

    static void act(JsonNode command) {
        ObjectNode answer = JSON.createObjectNode().put("id", command.get("id").asInt());
        try {
            answer.set("ok", run(command));
        } catch (Throwable thrown) {
            Throwable cause = thrown instanceof ExecutionException ? thrown.getCause() : thrown;
            Errors error = Errors.forException(cause);
            int code = error == Errors.UNKNOWN_SERVER_ERROR ? -1 : error.code();
            answer.putObject("error").put("code", code).put("message", cause.toString());
        }
        say(answer);
    }

    static void say(ObjectNode line) {
        synchronized (OUT) {
            OUT.println(line);
            OUT.flush();
        }
    }

    static ObjectNode run(JsonNode c) throws Exception {
        return switch (c.get("do").asText()) {
            case "produce" -> produce(c);
            case "stream" -> stream(c);
            case "consume" -> consume(c);
            case "group" -> group(c);
            case "member" -> JavaGroups.member(c);
            case "leave" -> JavaGroups.leave(c);
            case "listGroups" -> JavaGroups.list();
            case "describeGroup" -> JavaGroups.describe(c);
            case "committed" -> JavaGroups.committed(c);
            case "deleteGroup" -> JavaGroups.delete(c);
            case "transaction" -> transaction(c);
            case "createTopic" -> createTopic(c);
            case "listTopics" -> listTopics();
            case "describeTopic" -> describeTopic(c);
            case "describeConfigs" -> describeConfigs(c);
            case "alterConfigs" -> alterConfigs(c);
            case "createPartitions" -> createPartitions(c);
            case "deleteRecords" -> deleteRecords(c);
            case "deleteTopic" -> deleteTopic(c);
            case "describeCluster" -> describeCluster();
            case "listOffsets" -> listOffsets(c);
            case "logDirs" -> logDirs(c);
            case "describeProducers" -> describeProducers(c);
            default -> throw new IllegalArgumentException("no command " + c.get("do"));
        };
    }

    // Records

    static byte[] bytes(JsonNode text) {
        return text == null || text.isNull() ? null : Base64.getDecoder().decode(text.asText());
    }

    static String text(byte[] bytes) {
        return bytes == null ? null : Base64.getEncoder().encodeToString(bytes);
    }

    static ProducerRecord<byte[], byte[]> outgoing(String topic, JsonNode record) {
        var headers = new RecordHeaders();
        for (JsonNode header : record.get("h")) headers.add(header.get(0).asText(), bytes(header.get(1)));
        Integer partition = record.has("p") ? record.get("p").asInt() : null;
        Long timestamp = record.has("t") ? record.get("t").asLong() : null;
        return new ProducerRecord<>(topic, partition, timestamp, bytes(record.get("k")), bytes(record.get("v")), headers);
    }

    static ObjectNode incoming(ConsumerRecord<byte[], byte[]> record) {
        ObjectNode node = JSON.createObjectNode().put("p", record.partition()).put("o", record.offset());
        node.put("t", record.timestamp()).put("k", text(record.key())).put("v", text(record.value()));
        ArrayNode headers = node.putArray("h");
        for (Header header : record.headers()) headers.addArray().add(header.key()).add(text(header.value()));
        return node;
    }

    static KafkaProducer<byte[], byte[]> producer(JsonNode c, Map<String, String> more) {
        var settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("client.id", "java");
        settings.put("max.request.size", "10000000");
        settings.put("linger.ms", "5");
        settings.put("max.block.ms", "20000");
        settings.put("compression.type", c.path("codec").asText("none"));
        settings.put("acks", c.path("acks").asText("-1").replace("-1", "all"));
        settings.put("enable.idempotence", c.path("idempotent").asText("false"));
        settings.putAll(more);
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    static ObjectNode produce(JsonNode c) throws Exception {
        ObjectNode result = JSON.createObjectNode();
        ArrayNode offsets = result.putArray("offsets");
        try (var producer = producer(c, Map.of("batch.size", "2000000"))) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (JsonNode record : c.get("records")) sent.add(producer.send(outgoing(c.get("topic").asText(), record)));
            producer.flush();
            for (var each : sent) {
                RecordMetadata at = each.get();
                offsets.addObject().put("p", at.partition()).put("o", at.hasOffset() ? at.offset() : -1);
            }
        }
        return result;
    }

    static ObjectNode stream(JsonNode c) throws Exception {
        ObjectNode result = JSON.createObjectNode();
        ArrayNode acked = result.putArray("acked");
        String topic = c.get("topic").asText();
        try (var producer = producer(c, Map.of("max.block.ms", "60000", "linger.ms", "0"))) {
            for (int n = 0; n < c.get("count").asInt(); n++) {
                String value = topic + "-" + n;
                var at = producer.send(new ProducerRecord<>(topic, 0, null, value.getBytes(StandardCharsets.UTF_8))).get();
                acked.addArray().add(value).add(at.offset());
                say(JSON.createObjectNode().put("id", c.get("id").asInt()).put("progress", n));
                Thread.sleep(c.get("gapMs").asLong());
            }
        }
        return result;
    }

    static KafkaConsumer<byte[], byte[]> consumer(Map<String, String> more) {
        var settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("client.id", "java");
        settings.put("allow.auto.create.topics", "false");
        settings.put("enable.auto.commit", "false");
        settings.put("isolation.level", "read_committed");
        settings.putAll(more);
        return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    static ObjectNode consume(JsonNode c) {
        var partition = new TopicPartition(c.get("topic").asText(), c.get("partition").asInt());
        JsonNode from = c.get("from");
        try (var consumer = consumer(Map.of())) {
            consumer.assign(List.of(partition));
            switch (from.get("kind").asText()) {
                case "beginning" -> consumer.seekToBeginning(List.of(partition));
                case "end" -> {
                    consumer.seekToEnd(List.of(partition));
                    consumer.position(partition);
                }
                case "offset" -> consumer.seek(partition, from.get("value").asLong());
                default -> consumer.seek(
                    partition, consumer.offsetsForTimes(Map.of(partition, from.get("value").asLong())).get(partition).offset());
            }
            return read(consumer, c);
        }
    }

    static ObjectNode read(KafkaConsumer<byte[], byte[]> consumer, JsonNode c) {
        ObjectNode result = JSON.createObjectNode();
        ArrayNode records = result.putArray("records");
        long deadline = System.currentTimeMillis() + c.get("waitMs").asLong();
        while (records.size() < c.get("count").asInt() && System.currentTimeMillis() < deadline) {
            for (var record : consumer.poll(Duration.ofMillis(200))) records.add(incoming(record));
        }
        return result;
    }

    static ObjectNode group(JsonNode c) {
        String protocol = c.path("protocol").asText("classic");
        try (var consumer = consumer(Map.of(
                "group.id", c.get("group").asText(), "auto.offset.reset", "earliest", "group.protocol", protocol))) {
            var topic = c.get("topic").asText();
            consumer.subscribe(List.of(topic));
            ObjectNode result = read(consumer, c);
            consumer.commitSync();
            consumer.committed(java.util.Set.of(new TopicPartition(topic, 0)));
            return result;
        }
    }

    static ObjectNode transaction(JsonNode c) throws Exception {
        String topic = c.get("topic").asText();
        var settings = Map.of("transactional.id", c.get("transactionalId").asText(), "enable.idempotence", "true");
        try (var producer = producer(c, settings)) {
            producer.initTransactions();
            producer.beginTransaction();
            for (JsonNode record : c.get("records")) producer.send(outgoing(topic, record));
            if (c.has("group")) {
                try (var consumer = consumer(Map.of("group.id", c.get("group").asText()))) {
                    producer.sendOffsetsToTransaction(
                        Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(1)), consumer.groupMetadata());
                }
            }
            if (c.get("commit").asBoolean()) producer.commitTransaction();
            else producer.abortTransaction();
        }
        return JSON.createObjectNode();
    }

    // Admin

    static ObjectNode createTopic(JsonNode c) throws Exception {
        var configs = JSON.<Map<String, String>>convertValue(
            c.get("configs"), JSON.getTypeFactory().constructMapType(Map.class, String.class, String.class));
        var topic = new NewTopic(c.get("topic").asText(), Optional.of(c.get("partitions").asInt()), Optional.empty());
        admin.createTopics(List.of(topic.configs(configs))).all().get();
        return JSON.createObjectNode();
    }

    static ObjectNode listTopics() throws Exception {
        ObjectNode result = JSON.createObjectNode();
        ArrayNode topics = result.putArray("topics");
        admin.listTopics().names().get().forEach(topics::add);
        return result;
    }

    static ObjectNode describeTopic(JsonNode c) throws Exception {
        String topic = c.get("topic").asText();
        var found = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
        ObjectNode result = JSON.createObjectNode().put("partitions", found.partitions().size());
        ArrayNode leaders = result.putArray("leaders");
        found.partitions().forEach(partition -> leaders.add(partition.leader().id()));
        return result;
    }

    static ConfigResource resource(JsonNode c) {
        return new ConfigResource(ConfigResource.Type.TOPIC, c.get("topic").asText());
    }

    static ObjectNode describeConfigs(JsonNode c) throws Exception {
        var found = admin.describeConfigs(List.of(resource(c))).all().get().get(resource(c));
        ObjectNode result = JSON.createObjectNode();
        ObjectNode configs = result.putObject("configs");
        found.entries().forEach(entry -> configs.put(entry.name(), entry.value()));
        return result;
    }

    static ObjectNode alterConfigs(JsonNode c) throws Exception {
        List<AlterConfigOp> operations = new ArrayList<>();
        c.get("set").fields().forEachRemaining(each -> operations.add(
            new AlterConfigOp(new ConfigEntry(each.getKey(), each.getValue().asText()), AlterConfigOp.OpType.SET)));
        admin.incrementalAlterConfigs(Map.of(resource(c), operations)).all().get();
        return JSON.createObjectNode();
    }

    static ObjectNode createPartitions(JsonNode c) throws Exception {
        admin.createPartitions(Map.of(c.get("topic").asText(), NewPartitions.increaseTo(c.get("partitions").asInt())))
            .all().get();
        return JSON.createObjectNode();
    }

    static TopicPartition partitionOf(JsonNode c) {
        return new TopicPartition(c.get("topic").asText(), c.get("partition").asInt());
    }

    static ObjectNode deleteRecords(JsonNode c) throws Exception {
        var before = RecordsToDelete.beforeOffset(c.get("before").asLong());
        var done = admin.deleteRecords(Map.of(partitionOf(c), before)).lowWatermarks().get(partitionOf(c)).get();
        return JSON.createObjectNode().put("low", done.lowWatermark());
    }

    static ObjectNode deleteTopic(JsonNode c) throws Exception {
        admin.deleteTopics(List.of(c.get("topic").asText())).all().get();
        return JSON.createObjectNode();
    }

    static ObjectNode describeCluster() throws Exception {
        var found = admin.describeCluster();
        ObjectNode result = JSON.createObjectNode();
        result.put("controller", found.controller().get().id()).put("clusterId", found.clusterId().get());
        ArrayNode brokers = result.putArray("brokers");
        for (Node node : found.nodes().get()) {
            brokers.addObject().put("id", node.id()).put("host", node.host()).put("port", node.port());
        }
        return result;
    }

    static ObjectNode listOffsets(JsonNode c) throws Exception {
        OffsetSpec spec = switch (c.get("at").asText()) {
            case "earliest" -> OffsetSpec.earliest();
            case "latest" -> OffsetSpec.latest();
            case "max" -> OffsetSpec.maxTimestamp();
            default -> OffsetSpec.forTimestamp(c.get("at").asLong());
        };
        var found = admin.listOffsets(Map.of(partitionOf(c), spec)).partitionResult(partitionOf(c)).get();
        return JSON.createObjectNode().put("offset", found.offset()).put("timestamp", found.timestamp());
    }

    static ObjectNode logDirs(JsonNode c) throws Exception {
        long total = 0;
        List<Integer> nodes = admin.describeCluster().nodes().get().stream().map(Node::id).toList();
        for (var dirs : admin.describeLogDirs(nodes).allDescriptions().get().values()) {
            for (var dir : dirs.values()) {
                for (var replica : dir.replicaInfos().entrySet()) {
                    if (replica.getKey().topic().equals(c.get("topic").asText())) total += replica.getValue().size();
                }
            }
        }
        return JSON.createObjectNode().put("bytes", total);
    }

    static ObjectNode describeProducers(JsonNode c) throws Exception {
        var state = admin.describeProducers(List.of(partitionOf(c))).partitionResult(partitionOf(c)).get();
        return JSON.createObjectNode().put("producers", state.activeProducers().size());
    }
}
