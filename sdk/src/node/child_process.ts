// node:child_process. A process runs to its end, then its output arrives whole.

import { base64Decode, base64Encode, beginEffect, cancelEffect, effectSync } from "agentcmd-core";
import { bytesOf } from "../web/encoding";
import { Buffer } from "./buffer";
import { EventEmitter } from "./events";

interface Options {
  cwd?: string | { pathname: string };
  env?: Record<string, string | undefined>;
  encoding?: string | null;
  input?: string | ArrayBufferView;
  timeout?: number;
  maxBuffer?: number;
  killSignal?: string;
  shell?: boolean | string;
  stdio?: string | unknown[];
  signal?: { aborted: boolean; addEventListener(type: string, listener: () => void): void };
}

interface Answer {
  pid: number;
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
  timedOut: boolean;
  overflow: boolean;
}

const defaultMaxBuffer = 1024 * 1024;

function argsOf(file: string, args: readonly unknown[], options: Options, input = options.input): object {
  const shell = options.shell === true ? "/bin/sh" : options.shell || undefined;
  const stdio = Array.isArray(options.stdio) ? options.stdio[1] : options.stdio;
  return {
    file: shell ? [file, ...args].join(" ") : file,
    args: shell ? [] : args.map(String),
    shell,
    cwd: typeof options.cwd === "object" ? decodeURIComponent(options.cwd.pathname) : options.cwd,
    env: options.env && { ...options.env },
    input:
      input === undefined ? undefined : base64Encode(typeof input === "string" ? Buffer.from(input) : bytesOf(input)),
    timeoutMs: options.timeout || undefined,
    maxBuffer: options.maxBuffer === Infinity ? undefined : options.maxBuffer,
    killSignal: options.killSignal,
    inherit: stdio === "inherit" || undefined,
  };
}

function given(output: string, encoding: string | null | undefined): string | Buffer {
  const buffer = Buffer.from(base64Decode(output));
  return !encoding || encoding === "buffer" ? buffer : buffer.toString(encoding);
}

/** What Node says of a command that ended badly; undefined if it did not. */
function errorOf(command: string, answer: Answer, what: string): Error | undefined {
  if (answer.overflow)
    return Object.assign(new RangeError("stdout maxBuffer length exceeded"), {
      code: "ERR_CHILD_PROCESS_STDIO_MAXBUFFER",
      cmd: command,
    });
  if (answer.timedOut && what !== "exec") {
    return Object.assign(new Error(`spawnSync ${command} ETIMEDOUT`), {
      code: "ETIMEDOUT",
      errno: -110,
      syscall: `spawnSync ${command}`,
    });
  }
  if (answer.code === 0) return undefined;
  const stderr = Buffer.from(base64Decode(answer.stderr)).toString();
  const error = new Error(`Command failed: ${command}${stderr ? `\n${stderr}` : ""}`);
  return Object.assign(error, { code: answer.code, killed: answer.timedOut, signal: answer.signal, cmd: command });
}

class Output extends EventEmitter {
  encoding: string | undefined;
  private text: string | undefined;
  private arrived: Promise<void>;
  private arrive!: () => void;

  constructor() {
    super();
    this.arrived = new Promise((resolve) => (this.arrive = resolve));
  }

  setEncoding(encoding: string): this {
    this.encoding = encoding;
    return this;
  }

  finish(output: string): void {
    this.text = output;
    const data = given(output, this.encoding);
    if (data.length > 0) this.emit("data", data);
    this.emit("end");
    this.emit("close");
    this.arrive();
  }

  pipe<T>(target: T): T {
    this.on("data", (data) => (target as { write?(data: unknown): void }).write?.(data));
    return target;
  }

  resume(): this {
    return this;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string | Buffer> {
    await this.arrived;
    const data = given(this.text!, this.encoding);
    if (data.length > 0) yield data;
  }
}

/** Collects what is written; the process gets it whole. */
class Input extends EventEmitter {
  readonly parts: Uint8Array[] = [];
  ended: Promise<void>;
  private finish!: () => void;

  constructor() {
    super();
    this.ended = new Promise((resolve) => (this.finish = resolve));
  }

  write(data: string | ArrayBufferView): boolean {
    this.parts.push(typeof data === "string" ? Buffer.from(data) : bytesOf(data));
    return true;
  }

  end(data?: string | ArrayBufferView): this {
    if (data !== undefined) this.write(data);
    this.finish();
    return this;
  }
}

export class ChildProcess extends EventEmitter {
  readonly stdout = new Output();
  readonly stderr = new Output();
  readonly stdin = new Input();
  pid: number | undefined;
  exitCode: number | null = null;
  signalCode: string | null = null;
  killed = false;
  private effectId: number | undefined;

  constructor(
    readonly spawnfile: string,
    private readonly list: readonly unknown[],
    private readonly options: Options,
    private readonly what: string,
  ) {
    super();
    options.signal?.addEventListener("abort", () => this.kill());
  }

  /** Starts in the next turn, so that a script may write to stdin first; a written stdin is waited for. */
  async run(): Promise<Answer> {
    await Promise.resolve();
    if (this.stdin.parts.length > 0) await this.stdin.ended;
    const input = this.stdin.parts.length > 0 ? Buffer.concat(this.stdin.parts) : this.options.input;
    if (this.killed) throw new Error("The process was killed before it started");
    const { id, value } = beginEffect(
      this.what,
      "child_process.run",
      argsOf(this.spawnfile, this.list, this.options, input),
    );
    this.effectId = id;
    const answer = (await value) as Answer;
    this.pid = answer.pid;
    this.exitCode = answer.code;
    this.signalCode = answer.signal;
    return answer;
  }

  report(answer: Answer): void {
    this.emit("spawn");
    this.stdout.finish(answer.stdout);
    this.stderr.finish(answer.stderr);
    this.emit("exit", answer.code, answer.signal);
    this.emit("close", answer.code, answer.signal);
  }

  kill(signal = "SIGTERM"): boolean {
    if (this.killed || this.exitCode !== null || this.signalCode !== null) return false;
    this.killed = true;
    this.signalCode = signal;
    if (this.effectId !== undefined) cancelEffect(this.effectId);
    this.report({ pid: 0, code: null, signal, stdout: "", stderr: "", timedOut: false, overflow: false });
    return true;
  }

  ref(): void {}
  unref(): void {}
}

function splitArgs(args: unknown, options: unknown): [readonly unknown[], Options] {
  return Array.isArray(args) ? [args, (options ?? {}) as Options] : [[], (args ?? options ?? {}) as Options];
}

export function spawn(file: string, args?: unknown, options?: unknown): ChildProcess {
  const [list, chosen] = splitArgs(args, options);
  const child = new ChildProcess(file, list, chosen, "child_process.spawn()");
  child.run().then(
    (answer) => child.report(answer),
    (error) => child.emit("error", error),
  );
  return child;
}

type Callback = (error: Error | null, stdout: string | Buffer, stderr: string | Buffer) => void;

function start(
  what: string,
  command: string,
  file: string,
  list: readonly unknown[],
  options: Options,
  callback: Callback | undefined,
): ChildProcess {
  const encoding = options.encoding === undefined ? "utf8" : options.encoding;
  const child = new ChildProcess(file, list, { maxBuffer: defaultMaxBuffer, ...options }, what);
  child.run().then(
    (answer) => {
      const [stdout, stderr] = [given(answer.stdout, encoding), given(answer.stderr, encoding)];
      const error = errorOf(command, answer, "exec");
      child.report(answer);
      callback?.(error ? Object.assign(error, { stdout, stderr }) : null, stdout, stderr);
    },
    (error) => {
      if (callback) callback(error, "", "");
      else child.emit("error", error);
    },
  );
  return child;
}

export function exec(command: string, options?: Options | Callback, callback?: Callback): ChildProcess {
  const chosen = typeof options === "function" ? {} : (options ?? {});
  return start(
    "child_process.exec()",
    command,
    command,
    [],
    { ...chosen, shell: chosen.shell || true },
    typeof options === "function" ? options : callback,
  );
}

export function execFile(file: string, ...rest: unknown[]): ChildProcess {
  const callback = typeof rest[rest.length - 1] === "function" ? (rest.pop() as Callback) : undefined;
  const [list, options] = splitArgs(rest[0], rest[1]);
  return start("child_process.execFile()", [file, ...list].join(" "), file, list, options, callback);
}

/** util.promisify gives both streams. */
for (const call of [exec, execFile] as ((...args: any[]) => ChildProcess)[]) {
  Object.defineProperty(call, Symbol.for("nodejs.util.promisify.custom"), {
    value: (...args: unknown[]) =>
      new Promise((resolve, reject) => {
        call(...args, (error: Error | null, stdout: unknown, stderr: unknown) =>
          error ? reject(error) : resolve({ stdout, stderr }),
        );
      }),
  });
}

export function spawnSync(file: string, args?: unknown, options?: unknown): object {
  const [list, chosen] = splitArgs(args, options);
  let answer: Answer;
  try {
    answer = effectSync("child_process.spawnSync()", "child_process.run", argsOf(file, list, chosen));
  } catch (error) {
    if ((error as { code?: string }).code === undefined) throw error;
    return { pid: 0, status: null, signal: null, stdout: null, stderr: null, output: null, error };
  }
  const [stdout, stderr] = [given(answer.stdout, chosen.encoding), given(answer.stderr, chosen.encoding)];
  const bad = answer.timedOut || answer.overflow ? errorOf(file, answer, "spawnSync") : undefined;
  return {
    pid: answer.pid,
    status: answer.code,
    signal: answer.signal,
    stdout,
    stderr,
    output: [null, stdout, stderr],
    error: bad,
  };
}

function checked(
  what: string,
  command: string,
  file: string,
  list: readonly unknown[],
  options: Options,
): string | Buffer {
  const answer = effectSync(what, "child_process.run", argsOf(file, list, options)) as Answer;
  const [stdout, stderr] = [given(answer.stdout, options.encoding), given(answer.stderr, options.encoding)];
  const error = errorOf(command, answer, "execSync");
  if (error)
    throw Object.assign(error, {
      status: answer.code,
      signal: answer.signal,
      stdout,
      stderr,
      output: [null, stdout, stderr],
      pid: answer.pid,
    });
  return stdout;
}

export function execSync(command: string, options: Options = {}): string | Buffer {
  return checked("child_process.execSync()", command, command, [], {
    maxBuffer: defaultMaxBuffer,
    ...options,
    shell: options.shell || true,
  });
}

export function execFileSync(file: string, args?: unknown, options?: unknown): string | Buffer {
  const [list, chosen] = splitArgs(args, options);
  return checked("child_process.execFileSync()", [file, ...list].join(" "), file, list, {
    maxBuffer: defaultMaxBuffer,
    ...chosen,
  });
}

export function fork(): never {
  throw new Error("child_process.fork() is not available: start a program with spawn() or step.cli");
}
