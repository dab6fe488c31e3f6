import { ASSIGNORS } from "../../actors/group/assignors/named.ts";
import { testAssignor } from "./assignor_suite.ts";

for (const assignor of ASSIGNORS.values()) testAssignor(assignor);
