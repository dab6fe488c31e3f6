/**
 * Apache Kafka's command-line tools, called by class as its shell scripts do.
 *
 * @module
 */
import { installKafka } from "./kafka.ts";
import { type Outcome, run, type RunningProcess, type RunOptions, startProcess } from "./processes.ts";

const TOOLS = "org.apache.kafka.tools.";

/** The tools whose package is not the usual one. */
const PACKAGES: Record<string, string> = {
  ConfigCommand: "kafka.admin.",
  ConsoleConsumer: `${TOOLS}consumer.`,
  ConsumerGroupCommand: `${TOOLS}consumer.group.`,
  ReassignPartitionsCommand: `${TOOLS}reassign.`,
};

/** As long as a tool may take on a busy machine. */
const PATIENCE_MS = 180_000;

async function commandLine(name: string, args: readonly string[]): Promise<string[]> {
  const { classpath, quietLogging } = await installKafka();
  const machine = [
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    `-Dlog4j2.configurationFile=${quietLogging}`,
  ];
  return [...machine, "-cp", classpath, (PACKAGES[name] ?? TOOLS) + name, ...args];
}

/** Runs a tool to its end. */
export async function runTool(name: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return await run("java", await commandLine(name, args), { timeoutMs: PATIENCE_MS, ...options });
}

/** Starts a tool that prints an object of JSON per line, and hands each of them over. */
export async function startTool(
  name: string,
  args: readonly string[],
  onObject: (object: Record<string, unknown>) => void,
): Promise<RunningProcess> {
  const onLine = (line: string) => {
    if (line.startsWith("{")) onObject(JSON.parse(line));
  };
  return startProcess("java", await commandLine(name, args), { onLine, keepsLines: false });
}
