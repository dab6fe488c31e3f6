/**
 * The broker configs that are known, with Kafka's names and defaults (Apache Kafka 4.x), and two of our own: `log.flush.before.ack` and
 * `max.decompressed.message.bytes`. Where another default serves better (Samsa notices failures sooner), a note says Kafka's.
 *
 * The configs that only give topics their defaults are made from the topics' table, so that the two cannot disagree. Where a
 * default of Kafka makes no sense for a cluster of one (a replication factor of 3), it is kept, and a note says what it means.
 *
 * @module
 */
import { config, type ConfigDefinition, configTable, listElements } from "./definition.ts";
import { TOPIC_CONFIGS } from "./topic.ts";

const NO_POOL = "Samsa does everything in one thread.";
const NO_SHARE = "There are no share groups.";
const NO_GROUP_CONFIGS = "Groups have no configs of their own.";
const NO_TRANSACTIONS = "There are no transactions yet.";
const ON_COMMAND_LINE = "The command line decides; shown as it is.";
const THREE = "Kafka's default asks for three brokers; a smaller cluster uses as many as it has.";
const LONGEST = "9223372036854775807";

/** For lists that mean nothing when they are empty. */
function someOf(...values: readonly string[]): (value: string) => string | null {
  return (value) => listElements(value).length > 0 ? null : `a list with at least one of ${values.join(", ")}`;
}

const SERVER = [
  config("node.id", "INT =-1 >=-1", "The number of this node.", { note: ON_COMMAND_LINE }),
  config("broker.id", "INT =-1 >=-1", "The older name of node.id.", { note: ON_COMMAND_LINE }),
  config("broker.rack", "STRING", "Where the broker stands; replicas are spread over racks.", {
    note: ON_COMMAND_LINE,
  }),
  config("process.roles", "LIST in broker,controller", "Which parts of Kafka this process plays."),
  config("listeners", "LIST", "Where the broker listens.", { note: ON_COMMAND_LINE }),
  config("advertised.listeners", "LIST", "Where clients are told to connect.", {
    note: ON_COMMAND_LINE,
  }),
  config("listener.security.protocol.map", "STRING", "Which protocol each listener speaks.", {
    note: "Only PLAINTEXT.",
  }),
  config("inter.broker.listener.name", "STRING", "The listener that brokers use among themselves."),
  config("controller.listener.names", "LIST", "The listeners of the controller."),
  config("controller.quorum.bootstrap.servers", "LIST =", "Where to find the controllers."),
  config("controller.quorum.voters", "LIST =", "Who elects the controller."),
  config(
    "controller.quorum.fetch.timeout.ms",
    "INT =1000 >=1",
    "How long a voter hears nothing of the quorum's leader before it stands itself.",
    { honoured: true, note: "Kafka's default is 2000." },
  ),
  config(
    "controller.quorum.election.timeout.ms",
    "INT =500 >=1",
    "How long a candidate waits for votes before it stands again.",
    { honoured: true, note: "Kafka's default is 1000." },
  ),
  config("controller.quorum.retry.backoff.ms", "INT =20 >=1", "How long it waits after an answer that is of no use.", {
    honoured: true,
  }),
  config(
    "broker.session.timeout.ms",
    "INT =1500 >=1",
    "How long a silent broker is taken to be there; one whose process is known to be gone is not waited for.",
    { honoured: true, note: "Kafka's default is 9000." },
  ),
  config("broker.heartbeat.interval.ms", "INT =300 >=1", "How often a broker reports to the controller.", {
    honoured: true,
    note: "Kafka's default is 2000.",
  }),
  config("log.dir", "STRING", "The folder of the data.", { note: ON_COMMAND_LINE }),
  config("log.dirs", "LIST", "The folders of the data.", { note: "One folder; the command line decides." }),
  config("controlled.shutdown.enable", "BOOLEAN =true", "Whether leadership is handed over before a stop.", {
    note: "It always is.",
  }),
  config("request.timeout.ms", "INT =30000 >=0", "How long a request of the broker itself may take."),
  config("background.threads", "INT =10 >=1", "How many threads do background work.", {
    update: "cluster-wide",
    note: NO_POOL,
  }),
  config("num.io.threads", "INT =8 >=1", "How many threads work on requests.", {
    update: "cluster-wide",
    note: NO_POOL,
  }),
  config("num.network.threads", "INT =3 >=1", "How many threads serve sockets.", {
    update: "cluster-wide",
    note: NO_POOL,
  }),
  config("queued.max.requests", "INT =500 >=1", "How many requests may wait before sockets do.", {
    note: "Bounded mailboxes do this per connection.",
  }),
  config("quota.window.num", "INT =11 >=1", "How many samples quotas are measured over.", {
    note: "There are no quotas.",
  }),
  config("quota.window.size.seconds", "INT =1 >=1", "How long a sample of a quota is.", {
    note: "There are no quotas.",
  }),
];

const NETWORK = [
  config("connections.max.idle.ms", "LONG =600000", "How long a silent connection is kept.", { honoured: true }),
  config("max.connections", "INT =2147483647 >=0", "How many connections there may be.", { honoured: true }),
  config("max.connections.per.ip", "INT =2147483647 >=0", "How many connections one address may have.", {
    update: "cluster-wide",
  }),
  config("socket.request.max.bytes", "INT =104857600 >=1", "The largest request that is read.", { honoured: true }),
  config("socket.receive.buffer.bytes", "INT =102400 >=-1", "The size of a socket's receive buffer.", {
    note: "The operating system's choice.",
  }),
  config("socket.send.buffer.bytes", "INT =102400 >=-1", "The size of a socket's send buffer.", {
    note: "The operating system's choice.",
  }),
  config("fetch.max.bytes", "INT =57671680 >=1024", "The most bytes that one fetch returns.", { honoured: true }),
  config("max.incremental.fetch.session.cache.slots", "INT =1000 >=0", "How many fetch sessions are remembered.", {
    note: "Each connection has room for one, and nobody else's is in its way.",
  }),
  config(
    "max.request.partition.size.limit",
    "INT =2000 >=1",
    "The most partitions in one answer to DescribeTopicPartitions.",
    {
      honoured: true,
    },
  ),
  config(
    "max.decompressed.message.bytes",
    "INT =134217728 >=1",
    "The most bytes that one record batch may become when decompressed.",
    {
      update: "cluster-wide",
      honoured: true,
      note: "Samsa's own: keeps a decompression bomb from taking the memory.",
    },
  ),
];

const TOPICS = [
  config("auto.create.topics.enable", "BOOLEAN =true", "Whether asking for an unknown topic creates it.", {
    honoured: true,
  }),
  config("num.partitions", "INT =1 >=1", "How many partitions a topic gets when nobody says.", { honoured: true }),
  config("default.replication.factor", "INT =1 >=1", "How many replicas a partition gets when nobody says.", {
    honoured: true,
  }),
  config("delete.topic.enable", "BOOLEAN =true", "Whether topics can be deleted.", { honoured: true }),
  config("auto.leader.rebalance.enable", "BOOLEAN =true", "Whether leadership goes back to preferred replicas.", {
    honoured: true,
  }),
  config("leader.imbalance.check.interval.seconds", "LONG =300 >=1", "How often it is looked for misplaced leaders.", {
    honoured: true,
  }),
];

const LOG = [
  config("log.retention.check.interval.ms", "LONG =300000 >=1", "How often it is looked for segments to delete.", {
    honoured: true,
  }),
  config("num.recovery.threads.per.data.dir", "INT =2 >=1", "How many threads recover logs at the start.", {
    update: "cluster-wide",
    note: NO_POOL,
  }),
  config("log.cleaner.enable", "BOOLEAN =true", "Whether logs are compacted.", { honoured: true }),
  config("log.cleaner.threads", "INT =1 >=0", "How many threads compact logs.", {
    update: "cluster-wide",
    note: "One log at a time is compacted, between other work.",
  }),
  config("log.cleaner.dedupe.buffer.size", "LONG =134217728", "How much memory compaction may take.", {
    update: "cluster-wide",
    honoured: true,
  }),
  config("log.cleaner.io.buffer.size", "INT =524288 >=0", "How much memory compaction reads and writes with.", {
    update: "cluster-wide",
    note: "A cleaner reads and writes batch by batch.",
  }),
  config("log.cleaner.io.buffer.load.factor", "DOUBLE =0.9", "How full the table of keys may become.", {
    update: "cluster-wide",
    note: "What log.cleaner.dedupe.buffer.size allows is all that counts.",
  }),
  config(
    "log.cleaner.io.max.bytes.per.second",
    "DOUBLE =1.7976931348623157E308",
    "How much compaction may read and write in a second.",
    { update: "cluster-wide", note: "It is not throttled: it works in short steps between other work." },
  ),
  config("log.cleaner.backoff.ms", "LONG =15000 >=0", "How long compaction rests when there is nothing to do.", {
    update: "cluster-wide",
    honoured: true,
  }),
  config(
    "producer.id.expiration.ms",
    "INT =86400000 >=1",
    "How long an idle producer's sequence numbers are remembered.",
    {
      update: "cluster-wide",
      honoured: true,
    },
  ),
  config("producer.id.expiration.check.interval.ms", "INT =600000 >=1", "How often it is looked for idle producers.", {
    note: "Done together with retention.",
  }),
];

const REPLICATION = [
  config("replica.lag.time.max.ms", "LONG =10000 >=1", "How long a follower may be behind before it leaves the ISR.", {
    honoured: true,
    note: "Kafka's default is 30000.",
  }),
  config("replica.fetch.max.bytes", "INT =8388608 >=0", "How many bytes of a partition a follower asks for.", {
    honoured: true,
    note: "Kafka's default is 1048576; here each partition is asked for by itself.",
  }),
  config("replica.fetch.wait.max.ms", "INT =500 >=0", "How long a follower's fetch may wait.", { honoured: true }),
  config("replica.fetch.backoff.ms", "INT =100 >=0", "How long a follower waits after an error.", {
    honoured: true,
    note: "Kafka's default is 1000.",
  }),
  config("replica.fetch.min.bytes", "INT =1", "How many bytes a follower's fetch waits for.", {
    note: "A fetch is answered as soon as there is anything.",
  }),
  config("replica.fetch.response.max.bytes", "INT =10485760 >=0", "How many bytes a follower asks for at once.", {
    note: "Each partition is asked for by itself.",
  }),
  config("num.replica.fetchers", "INT =1", "How many fetchers copy from one broker.", {
    update: "cluster-wide",
    note: "Each partition is asked for by itself.",
  }),
  config(
    "replica.high.watermark.checkpoint.interval.ms",
    "LONG =5000",
    "How often high watermarks are written down.",
    { honoured: true },
  ),
];

const GROUPS = [
  config("offsets.topic.num.partitions", "INT =50 >=1", "How many partitions __consumer_offsets has.", {
    honoured: true,
  }),
  config("offsets.topic.segment.bytes", "INT =104857600 >=4096", "The segment size of __consumer_offsets.", {
    honoured: true,
    note: "What a group decides at once must fit into one; Kafka demands 1 MiB since 4.1, Samsa leaves less to tests.",
  }),
  config(
    "offsets.retention.minutes",
    "INT =10080 >=1",
    "How long the offsets of a group without members are kept.",
    { honoured: true },
  ),
  config(
    "offsets.retention.check.interval.ms",
    "LONG =600000 >=1",
    "How often it is looked for expired offsets.",
    { honoured: true },
  ),
  config("offsets.load.buffer.size", "INT =5242880 >=1", "How much of __consumer_offsets is read at once.", {
    note: "256 KiB at a time.",
  }),
  config("offsets.topic.compression.codec", "INT =0 >=0 <=4", "The codec in which a coordinator writes.", {
    note: "Coordinators do not compress what they write.",
  }),
  config("offset.metadata.max.bytes", "INT =4096", "How much text may come with a committed offset.", {
    honoured: true,
  }),
  config("offsets.commit.timeout.ms", "INT =5000 >=1", "How long a commit may take.", { honoured: true }),
  config("group.max.size", "INT =2147483647 >=1", "How many members a group may have.", { honoured: true }),
  config("group.min.session.timeout.ms", "INT =6000", "The shortest session timeout.", { honoured: true }),
  config("group.max.session.timeout.ms", "INT =1800000", "The longest session timeout.", { honoured: true }),
  config("group.initial.rebalance.delay.ms", "INT =3000", "How long an empty group waits for more members.", {
    honoured: true,
  }),
  config(
    "group.coordinator.rebalance.protocols",
    "LIST =classic,consumer in classic,consumer,share,streams",
    "The kinds of group that are served.",
    {
      check: someOf("classic", "consumer"),
      honoured: true,
      note: "Groups of the kinds share and streams are not, whatever it says.",
    },
  ),
  config("group.coordinator.threads", "INT =4 >=1", "How many threads coordinate groups.", { note: NO_POOL }),
  config("group.coordinator.background.threads", "INT =2 >=1", "How many threads do what takes long.", {
    note: NO_POOL,
  }),
  config(
    "group.coordinator.cached.buffer.max.bytes",
    "INT =1048588 >=524288",
    "How large a buffer for writes is kept.",
    { note: "None is." },
  ),
  config(
    "group.coordinator.append.linger.ms",
    "INT =-1 >=-1",
    "How long writes of a coordinator are gathered; -1 adapts.",
    { note: "Always adaptive: what has come by the time that a batch can be sent goes with it." },
  ),
  config("group.consumer.session.timeout.ms", "INT =45000 >=1", "When a silent member is expelled.", {
    honoured: true,
  }),
  config("group.consumer.min.session.timeout.ms", "INT =45000 >=1", "The shortest that a group may choose.", {
    note: NO_GROUP_CONFIGS,
  }),
  config("group.consumer.max.session.timeout.ms", "INT =60000 >=1", "The longest that a group may choose.", {
    note: NO_GROUP_CONFIGS,
  }),
  config("group.consumer.heartbeat.interval.ms", "INT =5000 >=1", "How often members report.", { honoured: true }),
  config("group.consumer.min.heartbeat.interval.ms", "INT =5000 >=1", "The shortest that a group may choose.", {
    note: NO_GROUP_CONFIGS,
  }),
  config("group.consumer.max.heartbeat.interval.ms", "INT =15000 >=1", "The longest that a group may choose.", {
    note: NO_GROUP_CONFIGS,
  }),
  config(
    "group.consumer.assignors",
    "LIST =uniform,range in uniform,range",
    "Who assigns partitions: the one that most members ask for, or the first.",
    { check: someOf("uniform", "range"), honoured: true, note: "Kafka takes classes of one's own, too." },
  ),
  config(
    "group.consumer.migration.policy",
    "STRING =bidirectional in disabled,downgrade,upgrade,bidirectional",
    "Which groups may change their kind.",
    { anyCase: true, honoured: true },
  ),
  config(
    "group.consumer.assignment.interval.ms",
    "INT =1000 >=0",
    "How long an assignment stands at least.",
    { honoured: true },
  ),
  config("group.consumer.min.assignment.interval.ms", "INT =0 >=0", "The shortest that a group may choose.", {
    note: NO_GROUP_CONFIGS,
  }),
  config("group.consumer.max.assignment.interval.ms", "INT =15000 >=0", "The longest that a group may choose.", {
    note: NO_GROUP_CONFIGS,
  }),
  config(
    "group.consumer.regex.refresh.interval.ms",
    "INT =600000 >=10000",
    "How often it is looked which topics a regular expression means.",
    { honoured: true },
  ),
  config("group.consumer.max.size", "INT =2147483647 >=1", "How many members a group of the new kind may have.", {
    honoured: true,
  }),
];

const SHARE = [
  config("group.share.session.timeout.ms", "INT =45000 >=1", "When a silent member is expelled."),
  config("group.share.heartbeat.interval.ms", "INT =5000 >=1", "How often members report."),
  config("group.share.max.size", "INT =200 >=1 <=1000", "How many members a share group may have."),
  config("group.share.delivery.count.limit", "INT =5 >=2 <=10", "How often a record is tried."),
  config("group.share.record.lock.duration.ms", "INT =30000 >=1000 <=3600000", "How long a member holds a record."),
  config(
    "group.share.partition.max.record.locks",
    "INT =2000 >=100 <=10000",
    "How many records of a partition are held.",
  ),
  config("share.coordinator.state.topic.replication.factor", "SHORT =3 >=1", "How many replicas the share state has."),
  config("share.coordinator.state.topic.min.isr", "SHORT =2 >=1", "How many of them must be in sync."),
].map((row) => ({ ...row, note: NO_SHARE }));

const TRANSACTIONS = [
  config("transaction.max.timeout.ms", "INT =900000 >=1", "The longest transaction that a producer may ask for."),
  config("transactional.id.expiration.ms", "INT =604800000 >=1", "How long an idle transactional id is remembered."),
  config(
    "transaction.abort.timed.out.transaction.cleanup.interval.ms",
    "INT =10000 >=1",
    "How often it is looked for late transactions.",
  ),
  config(
    "transaction.remove.expired.transaction.cleanup.interval.ms",
    "INT =3600000 >=1",
    "How often it is looked for expired ids.",
  ),
  config("transaction.state.log.num.partitions", "INT =50 >=1", "How many partitions __transaction_state has."),
  config("transaction.state.log.segment.bytes", "INT =104857600 >=1", "The segment size of __transaction_state."),
  config(
    "transaction.partition.verification.enable",
    "BOOLEAN =true",
    "Whether a write is checked against its transaction.",
    {
      update: "cluster-wide",
    },
  ),
  config("transaction.two.phase.commit.enable", "BOOLEAN =false", "Whether transactions may be prepared (KIP-939)."),
].map((row) => ({ ...row, note: NO_TRANSACTIONS }));

const INTERNAL_TOPICS = [
  config("offsets.topic.replication.factor", "SHORT =3 >=1", "How many replicas __consumer_offsets has.", {
    honoured: true,
  }),
  config("transaction.state.log.replication.factor", "SHORT =3 >=1", "How many replicas __transaction_state has."),
  config("transaction.state.log.min.isr", "INT =2 >=1", "How many of them must be in sync."),
].map((row) => ({ ...row, note: THREE }));

/** Synonyms that count in another unit, or that have another default than the topic config (Kafka's own irregularities). */
const ODD_SYNONYMS: Readonly<Record<string, string>> = {
  "log.flush.interval.ms": "LONG",
  "log.flush.scheduler.interval.ms": `LONG =${LONGEST}`,
  "log.retention.ms": "LONG",
  "log.retention.minutes": "INT",
  "log.retention.hours": "INT =168",
  "log.roll.ms": "LONG",
  "log.roll.hours": "INT =168 >=1",
  "log.roll.jitter.ms": "LONG",
  "log.roll.jitter.hours": "INT =0 >=0",
};

/** The broker configs that stand behind one topic config. Only the first of them can be changed while the broker runs. */
function defaultsOf(topic: ConfigDefinition): ConfigDefinition[] {
  return topic.synonyms.map((name, index) => {
    const update = index === 0 ? "cluster-wide" : "read-only";
    const doc = `The default of the topic config ${topic.name}${unitOf(name)}.`;
    const odd = ODD_SYNONYMS[name];
    if (odd === undefined) return { ...topic, name, update, doc, synonyms: [] };
    return config(name, odd, doc, { update, honoured: topic.honoured, ...(topic.note ? { note: topic.note } : {}) });
  });
}

function unitOf(name: string): string {
  const unit = /\.(minutes|hours)$/.exec(name)?.[1];
  return unit === undefined ? "" : `, in ${unit}`;
}

/** Broker configs by name. */
export const BROKER_CONFIGS: ReadonlyMap<string, ConfigDefinition> = configTable(
  ...SERVER,
  ...NETWORK,
  ...TOPICS,
  ...LOG,
  ...REPLICATION,
  ...GROUPS,
  ...SHARE,
  ...TRANSACTIONS,
  ...INTERNAL_TOPICS,
  ...[...TOPIC_CONFIGS.values()].flatMap(defaultsOf),
);
