// When schedules are due, as cron.js says it: what croner itself says, across changes of the clock too.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import vm from "node:vm";
import { Cron } from "croner";

const cron = vm.runInNewContext(readFileSync(join(process.env.AGENTCMD_LIBEXEC, "cron.js"), "utf8"));
const ask = (...questions) => JSON.parse(cron(JSON.stringify(questions)));
const at = (text) => Date.parse(text);
const shown = (times) => times.map((time) => new Date(time).toISOString().slice(0, 16));

test("due times are croner's, in every zone and across changes of the clock", () => {
  const starts = ["2026-03-07T00:00Z", "2026-03-28T12:00Z", "2026-10-24T12:00Z", "2026-10-31T00:00Z", "2026-12-31T20:00Z"];
  for (const pattern of ["*/30 * * * *", "30 2 * * *", "0 0 1 * *", "15 9 * * 1-5", "0 3 29 2 *", "59 23 L * *"]) {
    for (const timezone of ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]) {
      const reference = new Cron(pattern, { timezone, paused: true });
      for (const start of starts) {
        const [answer] = ask({ pattern, timezone, after: at(start), count: 60 });
        const expected = reference.nextRuns(60, new Date(at(start))).map((date) => date.getTime());
        assert.deepEqual(answer.times, expected, `${pattern} in ${timezone} after ${start}`);
      }
    }
  }
});

test("a time that a change of the clock leaves out is due right behind it, one that comes twice is due once", () => {
  const question = { pattern: "30 2 * * *", timezone: "Europe/Berlin", count: 3 };
  const [spring, autumn] = ask(
    { ...question, after: at("2026-03-27T12:00Z") },
    { ...question, after: at("2026-10-24T00:00Z") },
  );
  assert.deepEqual(shown(spring.times), ["2026-03-28T01:30", "2026-03-29T01:00", "2026-03-30T00:30"]);
  assert.deepEqual(shown(autumn.times), ["2026-10-24T00:30", "2026-10-25T00:30", "2026-10-26T01:30"]);
});

test("the end of the time asked for belongs to it, its beginning does not", () => {
  const question = { pattern: "0 * * * *", count: 10 };
  const [answer] = ask({ ...question, after: at("2026-01-01T10:00Z"), until: at("2026-01-01T12:00Z") });
  assert.deepEqual(shown(answer.times), ["2026-01-01T11:00", "2026-01-01T12:00"]);
});

test("what is no pattern or no zone is an error of its own question only", () => {
  const [pattern, zone, fine] = ask(
    { pattern: "61 * * * *", after: 0, count: 1 },
    { pattern: "0 * * * *", timezone: "Mars/Base", after: 0, count: 1 },
    { pattern: "0 * * * *", after: 0, count: 1 },
  );
  assert.match(pattern.error, /minute/);
  assert.match(zone.error, /Mars\/Base/);
  assert.equal(fine.times.length, 1);
});
