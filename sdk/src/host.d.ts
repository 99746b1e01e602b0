// The border between the worker program (C++, src/script/worker_main.cc) and the JavaScript that runs inside
// each context. Nothing else crosses it. One context per run (or per describe), for its code and globals.
//
// The SDK has a context of its own, which all runs of the process share: there the worker evaluates sdk.js once, and
// its value is the function `createSdk`. For each run the worker calls createSdk(host, globalThis of the run's
// context) once and keeps what it returns. All state of the SDK is made by that call, so runs share its compiled code
// and nothing else; within it, Promise, Error, JSON and the like are those of the run's context (CMakeLists.txt), as
// its code expects. What is reachable of the SDK's own context is frozen. Workflow code never sees `host`.

/** Given by C++. Every text is a JavaScript string; payloads are JSON texts. */
export interface Host {
  /** One command of protocol.md, as JSON text, appended to the completion in the order of the calls. A closure may
   *  log between two activations: such a command is kept for the run's next completion.
   *  `closure`: key of the step, if its closure may begin. The worker calls Sdk.beginClosure for each, in this order,
   *  after the last job of an activation that is not replaying. */
  command(json: string, closure?: string): void;
  /** A closure ended: {"key", "attempt", "output": JSON text} or {"key", "attempt", "failure"}. The worker puts
   *  it into the completion if that is not sent yet, else into a `closure` frame. */
  closureEnded(json: string): void;
  /** Asks the driver for an effect; the answer comes by Sdk.effectAnswered(id, …). */
  effect(key: string, attempt: number, id: number, name: string, args: string): void;
  /** The same, blocking. Returns JSON text: {"ok": value} or {"error": {name, message, code?}}. */
  effectSync(key: string, attempt: number, name: string, args: string): string;
  /** Milliseconds since 1970, real. Only the SDK uses it, for closures. */
  now(): number;
  /** `count` bytes from the operating system, as a latin-1 string. Only for closures. */
  randomBytes(count: number): string;
  /** Digest of bytes given as a latin-1 string; the result likewise. `key` set: HMAC. Throws on an unknown
   *  algorithm. Pure, so allowed everywhere. */
  digest(algorithm: string, bytes: string, key?: string): string;
  /** A stack of JavaScriptCore, mapped to the source: "at fn (file.ts:12:5)" lines. */
  mapStack(stack: string): string;
  /** Path of the definition relative to its project, for import.meta-like uses and messages. Set before load(). */
  readonly file: string;
}

/** Returned by createSdk, which has installed the hermetic globals: a context may be made ready before it is known
 *  which run it is for. Each call from C++ is an outermost call: the promise queue is drained when it
 *  returns, before the next one is made. */
export interface Sdk {
  /** Keeps the bundle (CommonJS source wrapped by the worker into
   *  `function (exports, require, module, __filename, __dirname) {…}`). It is evaluated by describe(), or by the
   *  `start` job, whose time and seed it then sees: what it throws there fails the run. */
  load(definition: (...args: unknown[]) => void): void;
  /** After load: JSON text of the `workflow` object of protocol.md. Throws what the code throws, or a readable
   *  Error when the module exports no workflow, or one without an id. */
  describe(): string;
  /** JSON text: the ids of step.patched that the history of the run, which is replayed next, has marked. */
  usePatches(ids: string): void;
  /** Applies one job of protocol.md (JSON text). `locating`: commands say their place. */
  deliver(job: string, replaying: boolean, locating?: boolean): void;
  /** As deliver() of a `resolve` job that is not of a replay. */
  settle(at: number, key: string, output: string): void;
  /** Does nothing if the step is not waited for any more. */
  beginClosure(key: string): void;
  effectAnswered(id: number, ok: boolean, json: string): void;
  /** Asks a function of step.onQuery; `args` is JSON text. JSON text: {"ok": JSON text} or {"error": failure}. */
  query(name: string, args: string): string;
  /** Told by JavaScriptCore of a promise that was rejected and has no handler when the queue is empty. */
  rejected(promise: unknown, reason: unknown): void;
}

export type CreateSdk = (host: Host, global: typeof globalThis) => Sdk;

/** The value of analyze.js: a function that the worker calls for `check`, in a context of its own. `code` is the
 *  bundle; the answer is JSON text: [{"line", "column", "what", "treatment", "advice"}] with places in the bundle
 *  (line from 1, column from 0), to be mapped to the source. Throws an Error for code that does not parse. */
export type Analyze = (code: string) => string;
