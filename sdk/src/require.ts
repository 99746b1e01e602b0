// `require` for bundled definitions: the SDK, the parts of Node that scripts use, and a clear word about the rest.

import { lazy } from "./load_lazy";
import { sdkModule } from "./sdk_module";

/** Modules of Node that may be imported, since libraries do, but do nothing here. */
const unavailable =
  " async_hooks cluster console constants dgram diagnostics_channel dns domain http http2 https inspector module net " +
  "perf_hooks punycode querystring readline repl stream string_decoder sys test tls trace_events tty v8 vm wasi " +
  "worker_threads zlib ";

const isSdk = /(^|\/)agentcmd-workflows(\/(dist|src))?(\/index)?(\.[cm]?js|\.ts)?$/;
const loaded = new Map<string, unknown>();

export function requireModule(name: string): unknown {
  if (isSdk.test(name)) return sdkModule();
  const bare = name.startsWith("node:") ? name.slice(5) : name;
  const known = loaded.get(bare);
  if (known !== undefined) return known;
  let value: unknown;
  if (unavailable.includes(` ${bare.split("/")[0]} `)) value = stub(bare);
  else if (Object.hasOwn(lazy().modules, bare)) value = withDefault(lazy().modules[bare]!());
  else
    throw new Error(
      `Cannot find module "${name}": it is neither in the bundle nor a module that workflow code may use`,
    );
  loaded.set(bare, value);
  return value;
}

/** `import fs from "node:fs"` of a module that is made of named exports. */
function withDefault(module: object): object {
  if (typeof module === "function" || "default" in module) return module;
  const copy = Object.defineProperties({}, Object.getOwnPropertyDescriptors(module));
  return Object.defineProperty(copy, "default", { value: copy, enumerable: false });
}

/** esbuild copies a module's own properties and keeps its prototype, so the answers are the prototype's. */
function stub(name: string): object {
  const members = new Map<PropertyKey, unknown>();
  const get = (_target: object, member: PropertyKey): unknown => {
    if (typeof member === "symbol" || member === "__esModule" || member === "then") return undefined;
    if (!members.has(member)) members.set(member, refusal(`node:${name}`, member));
    return members.get(member);
  };
  return Object.create(new Proxy({}, { get }));
}

function refusal(module: string, member: string | number): unknown {
  return function () {
    throw new Error(
      `${module} (${String(member)}) is not available to workflow code. ` +
        `Call a program with step.cli, or use fetch, node:fs or node:child_process inside step.run`,
    );
  };
}
