import { assertEquals } from "@std/assert";
import type { Actor, Ref } from "../../../actors/actor.ts";
import { LATER } from "../../../actors/actor.ts";
import { ActorSystem } from "../../../actors/system.ts";
import { realEnv } from "../../../server/env.ts";
import { TcpTransport } from "../../../transport/tcp.ts";
import { eventually } from "../../helpers/patience.ts";
import { QUICK } from "../../helpers/tcp_stage.ts";

interface EchoProtocol {
  echo(body: unknown): unknown;
  /** Is never answered. */
  keep(_: void): void;
}

const echo: Actor<EchoProtocol, null, void> = {
  kind: "echo",
  start: () => null,
  on: {
    echo: (_, body) => body,
    keep: () => LATER,
  },
};

const host = "127.0.0.1";
const ref = "2/echo/e" as Ref<EchoProtocol>;

/** Node 1 asks and watches; lives of node 2 come and go. */
class Stage implements AsyncDisposable {
  readonly #transports: TcpTransport[] = [];
  readonly system: ActorSystem = this.#system(1);

  /** Starts a life of node 2; returns its end. */
  life(): () => void {
    const system = this.#system(2).register(echo);
    system.spawn(echo, "e", undefined);
    const [one, two] = [this.#transports[0]!, this.#transports.at(-1)!];
    one.setPeers(new Map([[2, { host, port: two.port }]]));
    two.setPeers(new Map([[1, { host, port: one.port }]]));
    return () => {
      system.halt();
      two.close();
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.system.halt();
    for (const transport of this.#transports) transport.close();
    await Promise.all(this.#transports.map((transport) => transport.ended()));
  }

  #system(node: number): ActorSystem {
    const env = realEnv();
    const transport = new TcpTransport({
      nodeId: node,
      incarnationId: `life ${this.#transports.length}`,
      clusterId: () => "",
      hostname: host,
      port: 0,
      env,
      report: () => {},
      limits: QUICK,
    });
    this.#transports.push(transport);
    return new ActorSystem({ node, env, transport });
  }
}

Deno.test("asks and watches over TCP, through three lives of a node", async () => {
  await using stage = new Stage();
  for (let life = 0; life < 3; life++) {
    const end = stage.life();
    const body = { life, bytes: new Uint8Array(100_000).fill(life), big: 2n ** 70n };
    let answer: unknown;
    await eventually(() => {
      stage.system.askThen(ref, "echo", body, (heard) => answer ??= heard.ok ? heard.value : undefined, 200);
      return answer !== undefined;
    }, "an answer");
    assertEquals(answer, body);
    const heard: string[] = [];
    stage.system.watch(ref, (ended) => heard.push(ended));
    stage.system.askThen(
      "2/echo/none" as typeof ref,
      "echo",
      1,
      (answer) => heard.push(answer.ok ? "" : answer.failure),
    );
    await eventually(() => heard.length === 1, "the answer that there is nobody");
    end();
    await eventually(() => heard.length === 2, "the end of the node");
    assertEquals(heard, ["unreachable", ref]);
  }
});

Deno.test("what was asked of a process that is gone fails at once, as what may have happened", async () => {
  await using stage = new Stage();
  const end = stage.life();
  let up = false;
  await eventually(() => {
    stage.system.askThen(ref, "echo", 1, (answer) => up ||= answer.ok, 200);
    return up;
  }, "the node");
  const failures: string[] = [];
  stage.system.askThen(ref, "keep", undefined, (answer) => failures.push(answer.ok ? "" : answer.failure), 100_000);
  end();
  await eventually(() => failures.length === 1, "the failure");
  assertEquals(failures, ["crashed"]);
});
