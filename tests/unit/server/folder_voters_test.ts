import { assertEquals, assertThrows } from "@std/assert";
import { checkFolderVoters, fixFolderVoters } from "../../../server/folder_voters.ts";
import { MemoryDisk } from "../../../storage/memory_disk.ts";

Deno.test("any voters will do in a new folder, and only the same ones once they are fixed, in whatever order", () => {
  const disk = new MemoryDisk();
  checkFolderVoters(disk, [1]);
  checkFolderVoters(disk, [1, 2, 3]);
  fixFolderVoters(disk, [3, 10, 1]);
  fixFolderVoters(disk, [3]); // it is fixed
  checkFolderVoters(disk, [10, 1, 3]);
  for (const voters of [[1], [1, 3], [1, 3, 11], [1, 2, 3, 10, 11]]) {
    assertThrows(
      () => checkFolderVoters(disk, voters),
      Error,
      `1,3,10 vote, says its quorum.properties, not ${voters}`,
    );
  }
});

Deno.test("a list that cannot be understood is said, and not taken for any", () => {
  for (const text of ["", "voters=", "voters=a", "voters=1,,2", "voter=1"]) {
    const disk = new MemoryDisk();
    fixFolderVoters(disk, [1]);
    disk.remove("quorum.properties");
    const file = disk.open("quorum.properties", { create: true });
    file.append(new TextEncoder().encode(text));
    file.close();
    assertThrows(() => checkFolderVoters(disk, [1]), Error, "cannot be understood");
    assertEquals(disk.readFile("quorum.properties"), new TextEncoder().encode(text));
  }
});
