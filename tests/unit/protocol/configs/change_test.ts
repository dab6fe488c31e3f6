import { assertEquals, assertStringIncludes } from "@std/assert";
import { type ConfigOperation, decideConfigs, problemsOfProperties } from "../../../../protocol/configs/change.ts";

const NOTHING = { properties: {} };

function set(name: string, value: string | null): ConfigOperation {
  return { name, operation: "set", value };
}

Deno.test("what stays as it is, is not written", () => {
  const layers = { ...NOTHING, topic: new Map([["retention.ms", "5"], ["segment.bytes", "100"]]) };
  assertEquals(decideConfigs("topic", layers, [set("retention.ms", "5")], false), { ok: true, settings: [] });
  assertEquals(decideConfigs("topic", layers, [set("retention.ms", " 6 ")], false), {
    ok: true,
    settings: [{ name: "retention.ms", value: "6" }],
  });
  const gone: ConfigOperation = { name: "segment.bytes", operation: "delete", value: null };
  assertEquals(decideConfigs("topic", layers, [gone], false), {
    ok: true,
    settings: [{ name: "segment.bytes", value: null }],
  });
});

Deno.test("replacing all unsets what is not named", () => {
  const layers = { ...NOTHING, topic: new Map([["retention.ms", "5"], ["segment.bytes", "100"]]) };
  assertEquals(decideConfigs("topic", layers, [set("retention.ms", "5"), set("flush.ms", "1")], true), {
    ok: true,
    settings: [{ name: "segment.bytes", value: null }, { name: "flush.ms", value: "1" }],
  });
});

Deno.test("append and subtract begin at the value that counts", () => {
  const change = (operation: "append" | "subtract", value: string, own?: string) => {
    const topic = own === undefined ? undefined : new Map([["cleanup.policy", own]]);
    const decision = decideConfigs(
      "topic",
      { topic, properties: {} },
      [{ name: "cleanup.policy", operation, value }],
      false,
    );
    return decision.ok ? decision.settings[0]?.value : decision.error;
  };
  assertEquals(change("append", "compact"), "delete,compact");
  assertEquals(change("append", "delete", "delete"), undefined);
  assertEquals(change("subtract", "delete", "compact,delete"), "compact");
  assertEquals(change("subtract", "delete"), "");
  assertEquals(change("append", "shred"), "INVALID_CONFIG");
});

Deno.test("bad values are INVALID_CONFIG for a topic, INVALID_REQUEST for a broker; nonsense is INVALID_REQUEST for both", () => {
  const topic = (...operations: ConfigOperation[]) => {
    const decision = decideConfigs("topic", NOTHING, operations, false);
    return decision.ok ? "NONE" : `${decision.error}: ${decision.message}`;
  };
  assertEquals(topic(set("nope", "1")), 'INVALID_CONFIG: There is no topic config "nope".');
  assertEquals(
    topic(set("retention.ms", "-2")),
    'INVALID_CONFIG: "-2" is not valid for retention.ms: it must be at least -1.',
  );
  assertEquals(topic(set("retention.ms", null)).split(":")[0], "INVALID_REQUEST");
  assertEquals(topic(set("retention.ms", "1"), set("retention.ms", "2")).split(":")[0], "INVALID_REQUEST");
  assertEquals(topic({ name: "retention.ms", operation: "append", value: "1" }).split(":")[0], "INVALID_CONFIG");
  assertEquals(
    topic(set("min.compaction.lag.ms", "10"), set("max.compaction.lag.ms", "9")).split(":")[0],
    "INVALID_CONFIG",
  );
  const broker = (scope: "broker" | "brokers", name: string, value: string) => {
    const decision = decideConfigs(scope, NOTHING, [set(name, value)], false);
    return decision.ok ? "NONE" : decision.error;
  };
  assertEquals(broker("brokers", "log.retention.ms", "100"), "NONE");
  assertEquals(broker("broker", "log.retention.ms", "x"), "INVALID_REQUEST");
  assertEquals(broker("broker", "log.retention.hours", "1"), "INVALID_REQUEST"); // only the first synonym is dynamic
  assertEquals(broker("broker", "num.partitions", "4"), "INVALID_REQUEST");
  assertEquals(broker("broker", "retention.ms", "4"), "INVALID_REQUEST");
});

Deno.test("nothing of a change happens when one part of it is wrong", () => {
  const decision = decideConfigs("topic", NOTHING, [set("retention.ms", "1"), set("segment.bytes", "1")], false);
  assertEquals(decision.ok, false);
});

Deno.test("a segment of __consumer_offsets has room for what a group writes at once", () => {
  assertEquals(problemsOfProperties({ "offsets.topic.segment.bytes": "4096" }), []);
  assertEquals(problemsOfProperties({ "offsets.topic.segment.bytes": "2000" }), [
    '"2000" is not valid for offsets.topic.segment.bytes: it must be at least 4096.',
  ]);
});

Deno.test("what groups cannot live with is refused, and what was meant is said", () => {
  const refused: [name: string, value: string, why: string][] = [
    ["group.maxsize", "3", 'There is no broker config "group.maxsize". Did you mean group.max.size?'],
    ["group.consumer.assignors", "sticky", "it must be a list of uniform, range."],
    ["group.consumer.assignors", " ", "it must be a list with at least one of uniform, range."],
    ["group.coordinator.rebalance.protocols", "", "it must be a list with at least one of classic, consumer."],
    ["group.consumer.migration.policy", "both", "it must be one of disabled, downgrade, upgrade, bidirectional."],
    [
      "group.consumer.heartbeat.interval.ms",
      "45000",
      "group.consumer.heartbeat.interval.ms (45000) must be smaller than group.consumer.session.timeout.ms (45000).",
    ],
  ];
  for (const [name, value, why] of refused) {
    const [problem, ...more] = problemsOfProperties({ [name]: value });
    assertStringIncludes(problem!, why);
    assertEquals(more, []);
  }
  assertEquals(problemsOfProperties({ "group.consumer.migration.policy": "UPGRADE" }), []);
});

Deno.test("a broker's properties: unknown names and wrong values, each with what would be right", () => {
  assertEquals(problemsOfProperties({ "num.partitions": "3", "log.retention.hours": "1" }), []);
  assertEquals(problemsOfProperties({ "num.partitions": "0", "retention.ms": "1", "constructor": "1" }), [
    '"0" is not valid for num.partitions: it must be at least 1.',
    'There is no broker config "retention.ms". For the default of the topic config of that name, say log.retention.ms.',
    'There is no broker config "constructor".',
  ]);
});
