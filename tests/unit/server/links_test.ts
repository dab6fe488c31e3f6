import { assertEquals } from "@std/assert";
import { VirtualEnv } from "../../../lib/virtual_clock.ts";
import { Links } from "../../../server/links.ts";
import { LocalHub } from "../../../transport/local.ts";

/** Three nodes, and what each has heard. */
function stage() {
  const env = new VirtualEnv();
  const hub = new LocalHub({ scheduler: env.scheduler });
  const links = new Links();
  const heard: string[] = [];
  const nodes = [1, 2, 3].map((id) => {
    const transport = links.over(hub.join(id));
    transport.onReceive(({ verb }) => heard.push(`${verb} at ${id}`));
    transport.onPeer(() => {});
    return transport;
  });
  const send = (from: number, to: number) => {
    const sent = nodes[from - 1]!.send(to, {
      to: `${to}/k/n`,
      from: `${from}/k/n`,
      call: 0,
      verb: `from ${from}`,
      body: 0,
    });
    env.advance(0);
    return sent;
  };
  return { links, send, heard };
}

Deno.test("what is sent over a cut link is lost both ways, and the sender does not know; other links are as before", () => {
  const { links, send, heard } = stage();
  links.cut(2, 1);
  assertEquals([send(1, 2), send(2, 1), send(1, 3)], [true, true, true]);
  assertEquals(heard, ["from 1 at 3"]);
});

Deno.test("a link that is healed carries again, alone or with all others", () => {
  const { links, send, heard } = stage();
  links.cut(1, 2);
  links.cut(1, 3);
  links.heal(2, 1);
  send(1, 2);
  send(1, 3);
  assertEquals(heard, ["from 1 at 2"]);
  links.heal();
  send(1, 3);
  assertEquals(heard, ["from 1 at 2", "from 1 at 3"]);
});

Deno.test("a node that is not there is still not there behind a cut that is healed", () => {
  const { send } = stage();
  assertEquals(send(1, 9), false);
});
