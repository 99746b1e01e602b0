import assert from "node:assert/strict";
import { test } from "node:test";
import { body, runToEnd, Worker } from "./worker.mjs";

test("A closure runs only when it is begun, and its result comes by its job", async () => {
  const worker = new Worker(
    body(
      `globalThis.ran = 0; const value = await step.run("load it", () => { globalThis.ran++; return { a: [1] }; }); return value;`,
    ),
  );
  await worker.begin();
  assert.deepEqual(worker.matched(), ["step load-it run"]);
  assert.equal(worker.context.ran, 0);
  await worker.closures();
  assert.equal(worker.context.ran, 1);
  assert.deepEqual(worker.ended, [{ key: "load-it", attempt: 1, output: '{"a":[1]}' }]);
  assert.equal(worker.end, undefined);
  await worker.resolve("load-it", '{"a":[2]}');
  await worker.finalise();
  assert.deepEqual(JSON.parse(worker.end.result), { a: [2] });
});

test("Nothing is given back as nothing, live and in a replay", async () => {
  const worker = new Worker(
    body(`return [await step.run("a", () => {}), await step.run("b", () => null)].map(String);`),
  );
  const end = await runToEnd(worker);
  assert.deepEqual(JSON.parse(end.result), ["undefined", "null"]);
});

test("A closure that throws, or returns what JSON cannot hold, fails with its name", async () => {
  const worker = new Worker(body(`await step.run("bad", async () => { await null; throw new TypeError("oh"); });`));
  await worker.begin();
  await worker.closures();
  const [{ failure }] = worker.ended;
  assert.deepEqual([failure.name, failure.message], ["TypeError", "oh"]);
  assert.match(failure.stack, /^mapped: /);
  const lossy = new Worker(body(`await step.run("bad", () => ({ big: 1n }));`));
  await lossy.begin();
  await lossy.closures();
  assert.match(lossy.ended[0].failure.message, /step\.run\("bad"\) returned a BigInt at value\.big/);
});

test("A replay begins no closure; a job of its own does, with its attempt", async () => {
  const worker = new Worker(body(`return await step.run("a", () => 1);`));
  worker.replaying = true;
  await worker.begin();
  worker.replaying = false;
  await worker.closures();
  assert.deepEqual(worker.ended, []);
  await worker.deliver({ job: "closure", key: "a", attempt: 3 });
  assert.deepEqual(worker.ended, [{ key: "a", attempt: 3, output: "1" }]);
});

test("Steps inside a closure are refused", async () => {
  const worker = new Worker(
    body(`await step.run("outer", async () => { await step.cli("inner", { command: "x" }); });`),
  );
  await worker.begin();
  await worker.closures();
  assert.match(
    worker.ended[0].failure.message,
    /step\.cli\("inner"\) was called inside the closure of step\.run\("outer"\): steps do not nest/,
  );
});

test("Chance in a closure, also after an await, does not shift the body's stream", async () => {
  const code = (inside) =>
    body(`
    const before = Math.random();
    const waiting = step.run("a", async () => { ${inside} await null; ${inside} await new Promise((r) => setTimeout(r, 1)); ${inside} });
    await waiting;
    return [before, Math.random(), crypto.randomUUID()];`);
  const results = [];
  for (const inside of ["Math.random(); crypto.randomUUID();", ""]) {
    const worker = new Worker(code(inside));
    await worker.begin();
    await worker.closures();
    await worker.answer(worker.effects[0], null);
    await worker.resolve("a", worker.ended[0].output);
    await worker.finalise();
    results.push(worker.end.result);
  }
  assert.equal(results[0], results[1]);
});

test("A closure has the real clock and plain timers", async () => {
  const worker = new Worker(
    body(
      `await step.run("a", async () => { const t = Date.now(); await new Promise((r) => setTimeout(r, 20)); return t; });`,
    ),
    { realNow: () => 5 },
  );
  await worker.begin();
  await worker.closures();
  assert.deepEqual(worker.of("timer"), []);
  assert.deepEqual([worker.effects[0].name, worker.effects[0].args], ["timer", { ms: 20 }]);
  await worker.answer(worker.effects[0], null);
  assert.equal(worker.ended[0].output, "5");
});

test("Effects asked for by the body are refused, also while a closure waits", async () => {
  const calls = [
    ["fetch('http://x')", /fetch\(\) works only inside a step/],
    ["require('node:fs').readFileSync('a')", /fs\.readFileSync\(\)/],
    ["require('fs/promises').readFile('a')", /fs\.readFile\(\)/],
    ["require('child_process').execSync('ls')", /child_process\.execSync\(\)/],
    ["require('os').hostname()", /os\.hostname\(\)/],
    ["process.env.HOME", /process\.env\.HOME works only inside a step.*await step\.run/],
    ["Object.keys(process.env)", /process\.env/],
  ];
  for (const [call, message] of calls) {
    const worker = new Worker(
      body(`
      const waiting = step.run("slow", async () => { await fetch("http://slow"); });
      await step.cli("other", { command: "x" });
      ${call.startsWith("Object") || call.startsWith("process") ? call : `await ${call}`};
      await waiting;`),
    );
    await worker.begin();
    await worker.closures();
    assert.equal(worker.effects.length, 1);
    await worker.resolve("other", {});
    assert.equal(worker.effects.length, 1, call);
    await worker.finalise();
    assert.equal(worker.end.c, "fail");
    assert.match(worker.end.failure.message, message);
  }
});

test("Effects of two closures find their way back", async () => {
  const worker = new Worker(
    body(`
    return await Promise.all(["a", "b"].map((name) => step.run(name, async () => {
      const answer = await fetch("http://" + name);
      const again = await fetch("http://again-" + name);
      return [await answer.text(), again.status, answer.headers.get("X-Kind")];
    })));`),
  );
  await worker.begin();
  await worker.closures();
  const [a, b] = worker.effects;
  assert.deepEqual([a.key, b.key, a.args.url], ["a", "b", "http://a/"]);
  const reply = (text) => ({
    status: 200,
    statusText: "OK",
    url: "u",
    headers: [["x-kind", "k"]],
    body: Buffer.from(text).toString("base64"),
  });
  await worker.answer(b, reply("bé"));
  await worker.answer(a, reply("ä"));
  assert.deepEqual(
    worker.effects.slice(2).map(({ key, args }) => `${key} ${args.url}`),
    ["b http://again-b/", "a http://again-a/"],
  );
  await worker.answer(worker.effects[3], reply(""));
  await worker.answer(worker.effects[2], { ...reply(""), status: 404 });
  assert.deepEqual(
    worker.ended.map(({ key, output }) => [key, JSON.parse(output)]),
    [
      ["a", ["ä", 200, "k"]],
      ["b", ["bé", 404, "k"]],
    ],
  );
});

test("Files in their three forms", async () => {
  const worker = new Worker(
    body(`return await step.run("files", async () => {
    const fs = require("node:fs"); const { promisify } = require("util");
    await fs.promises.writeFile("a.txt", "héllo");
    const text = await fs.promises.readFile("a.txt", "utf8");
    const bytes = fs.readFileSync("b.bin");
    const viaCallback = await promisify(fs.readFile)("c.txt", { encoding: "utf8" });
    let code; try { fs.statSync("gone"); } catch (error) { code = [error.code, error.errno, error.syscall, error instanceof Error]; }
    return { text, bytes: [Buffer.isBuffer(bytes), bytes.toString()], viaCallback, code, exists: [fs.existsSync("a"), fs.existsSync("gone")] };
  });`),
  );
  worker.syncEffects = {
    "fs.readFile": () => ({ ok: Buffer.from("ünï").toString("base64") }),
    "fs.stat": ({ path }) => ({
      error: {
        name: "Error",
        message: `ENOENT: no such file or directory, stat '${path}'`,
        code: "ENOENT",
        errno: -2,
        syscall: "stat",
        path,
      },
    }),
    "fs.access": ({ path }) =>
      path === "a" ? { ok: null } : { error: { name: "Error", message: "no", code: "ENOENT" } },
  };
  await worker.begin();
  await worker.closures();
  assert.deepEqual(worker.effects[0].args, { path: "a.txt", data: "héllo", encoding: "utf8" });
  await worker.answer(worker.effects[0], null);
  await worker.answer(worker.effects[1], "read");
  await worker.answer(worker.effects[2], "called");
  assert.deepEqual(JSON.parse(worker.ended[0].output), {
    text: "read",
    bytes: [true, "ünï"],
    viaCallback: "called",
    code: ["ENOENT", -2, "stat", true],
    exists: [true, false],
  });
});

test("Processes: exec, execFile, spawn with input, and the synchronous forms", async () => {
  const worker = new Worker(
    body(`return await step.run("p", async () => {
    const { exec, execFile, spawn, execSync, spawnSync } = require("node:child_process"); const { promisify } = require("node:util");
    const { stdout } = await promisify(exec)("echo 1");
    const failed = await promisify(execFile)("false", ["-x"]).catch((error) => [error.code, error.message, error.stderr]);
    const child = spawn("cat", ["-"]); const seen = [];
    child.stdout.on("data", (data) => seen.push(String(data)));
    child.stdin.write("in"); child.stdin.end("put");
    const code = await new Promise((resolve) => child.on("close", resolve));
    const sync = execSync("pwd", { encoding: "utf8" });
    const status = spawnSync("x").status;
    return { stdout, failed, seen, code, sync, status };
  });`),
  );
  const b64 = (text) => Buffer.from(text).toString("base64");
  const done = (code, stdout = "", stderr = "") => ({
    pid: 7,
    code,
    signal: null,
    stdout: b64(stdout),
    stderr: b64(stderr),
    timedOut: false,
    overflow: false,
  });
  worker.syncEffects = { "child_process.run": ({ file }) => ({ ok: file === "pwd" ? done(0, "/wt\n") : done(3) }) };
  await worker.begin();
  await worker.closures();
  assert.deepEqual(worker.effects[0].args, { file: "echo 1", args: [], shell: "/bin/sh", maxBuffer: 1048576 });
  await worker.answer(worker.effects[0], done(0, "1\n"));
  assert.deepEqual([worker.effects[1].args.file, worker.effects[1].args.args], ["false", ["-x"]]);
  await worker.answer(worker.effects[1], done(1, "", "bad"));
  assert.equal(Buffer.from(worker.effects[2].args.input, "base64").toString(), "input");
  await worker.answer(worker.effects[2], done(0, "input"));
  assert.deepEqual(JSON.parse(worker.ended[0].output), {
    stdout: "1\n",
    failed: [1, "Command failed: false -x\nbad", "bad"],
    seen: ["input"],
    code: 0,
    sync: "/wt\n",
    status: 3,
  });
});

test("The environment is read once in a closure and its changes stay there", async () => {
  const worker = new Worker(
    body(`
    const a = await step.run("a", () => { process.env.NEW = "1"; return [process.env.HOME, process.env.NEW, "HOME" in process.env, { ...process.env }]; });
    const b = await step.run("b", () => process.env.NEW ?? "unset");
    return [a, b, process.env.NODE_ENV === undefined, process.cwd()];`),
  );
  let reads = 0;
  worker.syncEffects = { "process.env": () => ({ ok: { HOME: "/home/x", n: String(++reads) } }) };
  const end = await runToEnd(worker);
  assert.equal(end.c, "complete", end.failure?.message);
  assert.deepEqual(JSON.parse(end.result), [
    ["/home/x", "1", true, { HOME: "/home/x", n: "1", NEW: "1" }],
    "unset",
    true,
    "/project",
  ]);
});

test("Log lines of a closure belong to its step's phase and are no step", async () => {
  const worker = new Worker(
    body(`await step.phase("p", () => step.run("a", () => { console.log("x %d", 1, { a: 1 }); }));`),
  );
  await worker.begin();
  await worker.closures();
  assert.deepEqual(worker.of("log"), [{ c: "log", level: "info", phase: "p", message: "x 1 { a: 1 }" }]);
});

test("An abandoned closure is not begun", async () => {
  const worker = new Worker(body(`step.run("lost", () => 1); return 2;`));
  await worker.begin();
  assert.deepEqual(worker.matched().slice(0, 2), ["step lost run", "cancelStep lost"]);
  await worker.closures();
  assert.deepEqual(worker.ended, []);
});

test("An aborted fetch is cancelled at the driver", async () => {
  const worker = new Worker(
    body(`return await step.run("a", async () => {
    const controller = new AbortController();
    const waiting = fetch("http://x", { signal: controller.signal }).catch((error) => error.name);
    controller.abort();
    return waiting;
  });`),
  );
  await worker.begin();
  await worker.closures();
  assert.deepEqual(worker.effects[1].name, "cancel");
  assert.deepEqual(worker.effects[1].args, { id: worker.effects[0].id });
  assert.equal(worker.ended[0].output, '"AbortError"');
});

test("progress() is told to the driver, one at a time and the last of several, and given to the next attempt", async () => {
  const worker = new Worker(
    body(`return await step.run("a", async ({ attempt, lastProgress, progress }) => {
      const first = progress({ done: 1 });
      progress({ done: 2 });
      progress({ done: 3 });
      await first;
      return [attempt, lastProgress];
    });`),
  );
  await worker.begin();
  await worker.closures();
  assert.deepEqual(
    worker.effects.map(({ name, args }) => [name, args]),
    [["progress", { details: '{"done":1}' }]],
  );
  await worker.answer(worker.effects[0], null);
  assert.deepEqual(worker.effects[1].args, { details: '{"done":3}' });
  assert.deepEqual(worker.ended, []);
  await worker.answer(worker.effects[1], null);
  assert.deepEqual(worker.ended[0].output, "[1,null]");
  await worker.deliver({ job: "closure", key: "a", attempt: 2, progress: '{"done":3}' });
  await worker.answer(worker.effects[2], null);
  await worker.answer(worker.effects[3], null);
  assert.deepEqual(worker.ended[1].output, '[2,{"done":3}]');
});

test("progress() outside its closure is refused", async () => {
  const worker = new Worker(
    body(`let leaked;
    await step.run("a", ({ progress }) => { leaked = progress; });
    leaked(1);`),
  );
  await worker.begin();
  await worker.closures();
  await worker.resolve("a", " null");
  await worker.finalise();
  assert.match(worker.end.failure.message, /progress\(\) of step\.run\("a"\) was called outside its closure/);
});

test("A listener that a closure gave to step.signal runs as the closure's code", async () => {
  const code = (inside) =>
    body(`
    step.cleanup(() => step.cli("tidy", { command: String(Math.random()) }));
    await step.run("a", async () => {
      await new Promise((resolve) => step.signal.addEventListener("abort", () => { ${inside} resolve(); }));
      ${inside}
    });`);
  const tidied = [];
  for (const inside of ["Math.random(); crypto.randomUUID(); console.log('ended');", ""]) {
    const worker = new Worker(code(inside));
    await worker.begin();
    await worker.closures();
    await worker.cancel();
    const [effect] = worker.effects;
    assert.deepEqual([effect.name, effect.args], ["timer", { ms: 0 }]);
    await worker.refuse(effect, { name: "CancelledError", message: "step 'a' is over" });
    assert.equal(worker.ended.length, 1);
    tidied.push(worker.of("step").at(-1));
  }
  assert.deepEqual(tidied[0], tidied[1]);
});
