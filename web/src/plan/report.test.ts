import { expect, test } from "vitest";
import { whatIf } from "./report";

const none = { model: "", ctx: "", kv: "", parallel: "", ram: "", budget: "" };

test("wishes become what the command takes", () => {
  expect(whatIf(none)).toBe("");
  expect(whatIf({ ...none, ctx: " 8192", kv: "q8_0", ram: "8GiB" })).toBe("ctx=8192,kv=q8_0,ram=8GiB");
  expect(whatIf({ ...none, model: "solar", ctx: "4096", budget: "2GiB" })).toBe("solar.ctx=4096,budget=2GiB");
});
