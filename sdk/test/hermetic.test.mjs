import assert from "node:assert/strict";
import { test } from "node:test";
import { body, runToEnd, Worker } from "./worker.mjs";

const evaluate = async (code, options) => {
  const end = await runToEnd(new Worker(body(`return ${code};`), options));
  assert.equal(end.c, "complete", end.failure?.message);
  return JSON.parse(end.result);
};

test("The clock is that of the job, in all its forms", async () => {
  const worker = new Worker(
    body(`
    const seen = [Date.now(), +new Date(), new Date().constructor === Date, Date(), new (class extends Date {})().getTime(),
      new Date(0).toISOString(), new Date() instanceof Date, Object.getPrototypeOf(new Date()).constructor.now(), Date.UTC(2000, 0), Date.length];
    await step.sleep("s", 1);
    return [...seen, Date.now(), new Intl.DateTimeFormat("en", { timeZone: "UTC", dateStyle: "short" }).format()];`),
  );
  worker.at = Date.UTC(2020, 1, 3) - 2000;
  await worker.begin();
  const at = worker.at;
  await worker.fire("s");
  await worker.finalise();
  const seen = JSON.parse(worker.end.result);
  assert.deepEqual(seen.slice(0, 3), [at, at, true]);
  assert.match(seen[3], /2020/);
  assert.deepEqual(seen.slice(4), [at, "1970-01-01T00:00:00.000Z", true, at, 946684800000, 7, at + 1000, "2/3/20"]);
});

test("performance.now counts recorded time", async () => {
  assert.deepEqual(await evaluate(`(performance.now(), await step.sleep("a", 1), performance.now())`), 1000);
});

test("Two runs with other clocks and the same seed ask for the same", async () => {
  const code = body(`
    const names = [Math.random(), crypto.randomUUID(), crypto.getRandomValues(new Uint32Array(3)).join(), require("crypto").randomBytes(5).toString("hex"), require("crypto").randomInt(100)];
    for (const name of names) await step.cli(String(name), { command: String(Date.now()) });
    await step.run("c", () => { Math.random(); return 1; });
    return Math.random();`);
  const lives = [];
  for (const realNow of [() => 1, () => 9e12]) {
    const worker = new Worker(code, { realNow });
    await runToEnd(worker, undefined, { seed: "18446744073709551615" });
    lives.push(worker.commands);
  }
  assert.deepEqual(lives[0], lives[1]);
  const other = new Worker(code);
  await runToEnd(other, undefined, { seed: "7" });
  assert.notDeepEqual(
    other.keys(),
    lives[0].filter(({ c }) => c === "step").map(({ key }) => key),
  );
});

test("A replay asks for the same and repeats no note", async () => {
  const code = body(`
    console.log("once", new Date());
    const a = await step.phase("p", async () => { await step.annotation("n", { message: "m" }); return step.run("a", () => Math.random()); });
    step.log.warn("after"); await step.updateRun({ pr_url: "u" });
    setTimeout(() => {}, Math.random() * 1000);
    return a + Math.random();`);
  const live = new Worker(code);
  const jobs = [];
  const deliver = live.deliver.bind(live);
  live.deliver = (job) => (jobs.push({ at: live.at + 1000, ...job }), deliver(job));
  await runToEnd(live);
  const replay = new Worker(code, { realNow: () => 0 });
  replay.replaying = true;
  for (const job of jobs) await replay.deliver(job);
  assert.deepEqual(replay.matched(), live.matched());
  assert.deepEqual(replay.end, live.end);
  assert.ok(live.of("log").length === 2 && live.of("annotate").length === 1 && live.of("update").length === 1);
  for (const kind of ["log", "annotate", "update", "phase"]) assert.deepEqual(replay.of(kind), []);
});

test("Code at the top of a definition sees the run's time and seed", async () => {
  const code = `const top = [Date.now(), Math.random()]; ${body("return top;")}`;
  const results = [];
  for (const realNow of [() => 1, () => 2]) {
    const worker = new Worker(code, { realNow });
    results.push((await runToEnd(worker)).result);
  }
  assert.equal(results[0], results[1]);
  assert.equal(JSON.parse(results[0])[0], 1_700_000_001_000);
});

test("What cannot be made repeatable is gone, and the host is not within reach", async () => {
  const names = ["WebAssembly", "WeakRef", "FinalizationRegistry", "SharedArrayBuffer", "host", "createSdk"];
  assert.deepEqual(
    await evaluate(`[${names.map((name) => `typeof ${name}`)}, typeof Atomics.wait]`),
    Array(7).fill("undefined"),
  );
});

test("The globals of the web and of Node are there", async () => {
  assert.deepEqual(
    await evaluate(`[
      new TextDecoder().decode(new TextEncoder().encode("aé€😀\\ud800")), new TextDecoder().decode(Uint8Array.of(0x61, 0xff, 0xe2, 0x82, 0x62)),
      btoa("hi\\xff"), atob("aGk="), structuredClone({ a: new Date(0), m: new Map([[1, { b: 2 }]]) }).m.get(1).b,
      Buffer.from("68c3a9", "hex").toString(), Buffer.from("hé").toString("base64url"), Buffer.concat([Buffer.from("a"), Buffer.from("b")]).toString(),
      Buffer.alloc(4).fill("ab").toString(), Buffer.from([1, 2, 3, 4]).readUInt32BE(0), Buffer.byteLength("é"), Buffer.from("abcabc").indexOf("ca"),
      new AbortController().signal.aborted, await new Promise((r) => queueMicrotask(() => r("micro"))), typeof global.setTimeout,
    ]`),
    [
      "aé€😀\ufffd",
      "a\ufffd\ufffdb",
      "aGn/",
      "hi",
      2,
      "hé",
      "aMOp",
      "ab",
      "abab",
      16909060,
      2,
      2,
      false,
      "micro",
      "function",
    ],
  );
});

test("URLs are read as browsers read them", async () => {
  const cases = [
    ["HTTP://User:Pa%20ss@EXAMPLE.com:80/a/./b/../c d?q=ä b#f r"],
    ["../x?y#z", "http://h/a/b/c"],
    ["//other/p", "https://h/a"],
    ["?q", "http://h/a?b#c"],
    ["#f", "http://h/a?b"],
    ["file:///a/../b"],
    ["mailto:a@b.c"],
    ["http://[::1]:8080/"],
    ["http://[2001:db8:0:0:0:0:2:1]/"],
    ["http://0x7f.1/"],
    ["http://münchen.de/ä"],
    ["data:text/plain,hi there"],
    ["https://h:443"],
    ["\\\\h\\p", "http://x/"],
    ["http://例え.テスト/"],
    ["a:b/c?d#e"],
    ["http://h/%7Efoo/%zz"],
    ["/abs", "http://u:p@h:1/x/y"],
    ["", "http://h/a?b#c"],
    ["ws://h:80/x"],
    ["http:rel", "http://h/a/b"],
  ];
  const seen = await evaluate(
    `${JSON.stringify(cases)}.map(([url, base]) => { const u = new URL(url, base); return [u.href, u.origin, u.host, u.pathname, u.search, u.hash, u.username, u.password]; })`,
  );
  const expected = cases.map(([url, base]) => {
    const u = new URL(url, base);
    return [u.href, u.origin, u.host, u.pathname, u.search, u.hash, u.username, u.password];
  });
  assert.deepEqual(seen, expected);
  assert.deepEqual(
    await evaluate(
      `["http://", "x", "http://a b/", "http://1.2.3.4.5/", "http://h:99999", "http://[1::2::3]/"].map((url) => URL.canParse(url))`,
    ),
    Array(6).fill(false),
  );
  assert.equal(
    await evaluate(
      `(() => { const u = new URL("http://h/p"); u.searchParams.append("a b", "1&2"); u.searchParams.set("c", "ü"); u.hash = "x"; u.port = 81; u.pathname = "/q r"; return u.href + [...new URLSearchParams("a=1&a=2&b=%20+")].join(";"); })()`,
    ),
    "http://h:81/q%20r?a+b=1%262&c=%C3%BC#xa,1;a,2;b,  ",
  );
});

test("console and log lines are written as Node shows values", async () => {
  const worker = new Worker(
    body(`
    console.log("a", 1, [1, "x"], { a: { b: null, "c-d": undefined } }, new Map([["k", 1]]), () => 1);
    console.error(new Error("bad").message); step.log.warn("w", 2); step.log({ deep: { a: { b: { c: { d: { e: 1 } } } } } });
    const self = {}; self.self = self; console.log(self, Symbol("s"), 10n, "it's");`),
  );
  await runToEnd(worker);
  assert.deepEqual(
    worker.of("log").map(({ level, message }) => `${level}: ${message}`),
    [
      "info: a 1 [ 1, 'x' ] { a: { b: null, 'c-d': undefined } } Map(1) { 'k' => 1 } [Function: (anonymous)]",
      "error: bad",
      "warn: w 2",
      "info: { deep: { a: { b: { c: { d: [Object] } } } } }",
      "info: { self: [Circular] } Symbol(s) 10n it's",
    ],
  );
});
