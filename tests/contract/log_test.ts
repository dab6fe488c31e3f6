import { FaultyDisk } from "../../storage/faulty_disk.ts";
import { FileDisk } from "../../storage/file_disk.ts";
import { MemoryDisk } from "../../storage/memory_disk.ts";
import { testLog } from "./log_suite.ts";

testLog("a memory disk", () => ({ disk: new MemoryDisk(), dispose() {} }));

testLog("a file disk", () => {
  const folder = Deno.makeTempDirSync({ prefix: "samsa-log-" });
  return { disk: new FileDisk(folder), dispose: () => Deno.removeSync(folder, { recursive: true }) };
});

testLog("a faulty disk", () => ({ disk: new FaultyDisk(), dispose() {} }));
