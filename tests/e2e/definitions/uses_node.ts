// What definitions use without importing or installing anything: an editor must accept it, and a run must do it.
import assert from "node:assert";
import { exec, execFileSync, execSync, spawn, spawnSync } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import fs, { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import * as os from "node:os";
import path, { join } from "node:path";
import { setTimeout as after } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { inspect, promisify } from "util";
import { basename } from "path";
import type { Stats } from "fs";
import { defineWorkflow } from "agentcmd-workflows";

const run = promisify(exec);
const double = promisify((value: number, done: (error: Error | null, result: number) => void) => done(null, 2 * value));

class Counter extends EventEmitter {
  count = 0;
  add(): void {
    this.emit("added", ++this.count);
  }
}

export default defineWorkflow({ id: "uses-node" }, async ({ step }) => {
  console.log("a line of the log", { deep: [1, 2] });
  console.error(inspect({ a: 1 }, { depth: null }));
  await new Promise<void>((resolve) => setTimeout(resolve, 5));
  const timer: NodeJS.Timeout = setInterval(() => {}, 60_000);
  clearInterval(timer);
  queueMicrotask(() => console.debug("soon"));
  const copy: { a: Date } = structuredClone({ a: new Date(0) });
  const url = new URL("a?b=c", "https://example.org/");
  url.searchParams.append("d", "e");
  const text: string = Buffer.from("text").toString("base64") + btoa("x") + atob("eA==");
  const bytes: Uint8Array = new TextEncoder().encode("text");
  const digest: string = createHash("sha256").update(bytes).digest("hex");
  const ids: string[] = [randomUUID(), crypto.randomUUID()];

  const seen = await step.run("look", async () => {
    const folder: string = await fs.promises.mkdtemp(join(os.tmpdir(), "uses-node-"));
    const file = path.join(folder, "deep", "file.txt");
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, "one\n", "utf8");
    fs.appendFileSync(file, Buffer.from("two\n"));
    const whole: string = await readFile(file, "utf8");
    const raw: Buffer = readFileSync(file);
    const stats: Stats = fs.statSync(file);
    const names: string[] = await readdir(folder);
    const folders = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory());
    const missing: boolean = existsSync(join(folder, "none"));
    try {
      readFileSync(join(folder, "none"), "utf8");
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "ENOENT");
    }
    fs.rmSync(folder, { recursive: true, force: true });

    const said: string = execSync("echo sync", { encoding: "utf8", env: { ...process.env, LC_ALL: "C" } });
    const listed: Buffer = execFileSync("echo", ["file"]);
    const { stdout } = await run("echo exec");
    const result = spawnSync("sh", ["-c", "exit 3"], { cwd: process.cwd(), encoding: "utf8" });
    const child = spawn("sh", ["-c", "echo spawned; exit 4"]);
    child.stdout.on("data", (data) => process.stdout.write(data));
    const [code] = (await once(child, "close")) as [number];
    await after(1);
    await new Promise((resolve) => setTimeout(resolve, 1));
    await new Promise((resolve) => setImmediate(resolve));

    const controller = new AbortController();
    controller.abort(new Error("enough"));
    let refused = "";
    try {
      const response: Response = await fetch("http://127.0.0.1:1/", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ a: 1 }),
        signal: controller.signal,
      });
      if (response.ok) await response.json();
    } catch (error) {
      refused = (error as Error).message;
    }
    const counter = new Counter();
    counter.on("added", (count: number) => console.info(count));
    counter.add();
    return {
      whole,
      size: raw.length === stats.size,
      names,
      folders: folders.map((entry) => entry.name),
      missing,
      said: said.trim(),
      listed: listed.toString().trim(),
      stdout: stdout.trim(),
      status: result.status,
      code,
      refused,
      count: counter.count,
      home: typeof process.env.HOME,
      doubled: await double(21),
    };
  });
  return {
    ...seen,
    copied: copy.a.getTime(),
    href: url.href,
    text,
    digest: digest.length,
    ids: ids.length,
    name: basename(fileURLToPath(pathToFileURL("/a/b c.txt"))),
  };
});
