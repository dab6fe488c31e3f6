/**
 * Apache Kafka's command-line tools, called by class as its shell scripts do.
 *
 * @module
 */
import { installKafka } from "./kafka.ts";
import { type Outcome, run, type RunOptions } from "./processes.ts";

const TOOLS = "org.apache.kafka.tools.";

/** The tools whose package is not the usual one. */
const PACKAGES: Record<string, string> = {
  ConfigCommand: "kafka.admin.",
  ConsoleConsumer: `${TOOLS}consumer.`,
  ConsumerGroupCommand: `${TOOLS}consumer.group.`,
  ReassignPartitionsCommand: `${TOOLS}reassign.`,
};

/** Runs a tool to its end. */
export async function runTool(name: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { classpath, quietLogging } = await installKafka();
  const machine = [
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    `-Dlog4j2.configurationFile=${quietLogging}`,
  ];
  const mainClass = (PACKAGES[name] ?? TOOLS) + name;
  return await run("java", [...machine, "-cp", classpath, mainClass, ...args], { timeoutMs: 60_000, ...options });
}
