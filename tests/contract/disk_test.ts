import { FaultyDisk } from "../../storage/faulty_disk.ts";
import { FileDisk } from "../../storage/file_disk.ts";
import { MemoryDisk } from "../../storage/memory_disk.ts";
import { testDisk } from "./disk_suite.ts";

testDisk("memory disk", () => ({ disk: new MemoryDisk(), dispose() {} }));

testDisk("file disk", () => {
  const folder = Deno.makeTempDirSync({ prefix: "samsa-disk-" });
  return { disk: new FileDisk(`${folder}/made`), dispose: () => Deno.removeSync(folder, { recursive: true }) };
});

testDisk("faulty disk", () => ({ disk: new FaultyDisk(), dispose() {} }));
