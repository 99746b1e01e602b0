// Finds what a definition does outside steps that a replay could notice, and says what becomes of it. A lexical
// rule: the function given to a .run(…) call is inside, and so is a named function used nowhere else.

import { parse, type Comment, type Node } from "acorn";
import { ancestor } from "acorn-walk";
import type { Analyze } from "./host";

interface Finding {
  line: number;
  column: number;
  what: string;
  treatment: "recorded" | "seeded" | "refused";
  advice: string;
}
type Verdict = Pick<Finding, "treatment" | "advice">;

const recordedTime: Verdict = {
  treatment: "recorded",
  advice: "Gives the time of the event that is being handled, the same in every replay.",
};
const seeded: Verdict = {
  treatment: "seeded",
  advice: "Gives the next value of the run's own stream, the same in every replay.",
};
const durableTimer: Verdict = {
  treatment: "recorded",
  advice: "Becomes a durable timer of the run; step.sleep says the same with a name.",
};
const recordedFolder: Verdict = { treatment: "recorded", advice: "Gives the run's working directory." };
const effect: Verdict = {
  treatment: "refused",
  advice: 'Throws outside steps: put it into a closure, await step.run("name", async () => …).',
};
const exit: Verdict = { treatment: "refused", advice: "Return from the workflow, or throw an Error to fail the run." };
const removed: Verdict = { treatment: "refused", advice: "Does not exist in workflow code." };

/** By the dotted name of what is called. */
const calls: Record<string, Verdict> = {
  Date: recordedTime,
  "Date.now": recordedTime,
  "performance.now": recordedTime,
  "process.hrtime": recordedTime,
  "process.hrtime.bigint": recordedTime,
  "Math.random": seeded,
  "crypto.randomUUID": seeded,
  "crypto.getRandomValues": seeded,
  setTimeout: durableTimer,
  setInterval: durableTimer,
  "process.cwd": recordedFolder,
  fetch: effect,
  "process.exit": exit,
  eval: removed,
};
const constructed: Record<string, Verdict> = {
  Function: removed,
  SharedArrayBuffer: removed,
  WeakRef: removed,
  FinalizationRegistry: removed,
};
const chance = new Set(["randomBytes", "randomInt", "randomUUID", "getRandomValues", "randomFillSync"]);
const effectModules = new Set(["fs", "fs/promises", "child_process", "os"]);
const absentModules = new Set([
  "net",
  "http",
  "https",
  "http2",
  "tls",
  "dns",
  "dgram",
  "worker_threads",
  "cluster",
  "readline",
  "zlib",
  "stream",
]);

type AnyNode = Node & Record<string, any>;
interface Visit {
  node: AnyNode;
  above: AnyNode[];
}

export const analyze: Analyze = (code) => {
  const comments: Comment[] = [];
  const program = parse(code, {
    ecmaVersion: "latest",
    sourceType: "script",
    locations: true,
    allowHashBang: true,
    allowReturnOutsideFunction: true,
    onComment: comments,
  }) as AnyNode;
  const visits: Visit[] = [];
  const declared = new Map<string, AnyNode>();
  const modules = new Map<string, string>();
  const visit = (node: Node, _state: unknown, above: Node[]): void => {
    visits.push({ node: node as AnyNode, above: above.slice(0, -1) as AnyNode[] });
  };
  ancestor(program, {
    Identifier: visit,
    CallExpression: visit,
    NewExpression: visit,
    MemberExpression: visit,
    FunctionDeclaration: (node) => void declared.set((node as AnyNode).id.name, node as AnyNode),
    VariableDeclarator(found) {
      const node = found as AnyNode;
      const module = moduleOf(node.init);
      if (node.id.type === "Identifier") {
        if (module) modules.set(node.id.name, module);
        declared.set(node.id.name, node.init ?? node);
      } else if (module && node.id.type === "ObjectPattern") {
        for (const property of node.id.properties) {
          if (property.value?.type === "Identifier") modules.set(property.value.name, `${module}.${property.key.name}`);
        }
      }
    },
  });
  const inside = closuresOf(visits, declared);
  const foreign = foreignLines(comments);
  const isForeign = (line: number): boolean => foreign.some(([from, to]) => line >= from && line < to);
  const findings: Finding[] = [];
  for (const { node, above } of visits) {
    const start = node.loc!.start;
    if (isForeign(start.line) || above.some((outer) => inside.has(outer))) continue;
    const found = judge(
      node,
      above,
      modules,
      (name) => declared.has(name) || above.some((outer) => hasParameter(outer, name)),
    );
    if (found) findings.push({ line: start.line, column: start.column, what: found[0], ...found[1] });
  }
  return JSON.stringify(findings);
};

/** `require("node:fs")`, also as esbuild wraps it: the name without "node:". */
function moduleOf(init: AnyNode | null): string | undefined {
  if (init?.type !== "CallExpression") return undefined;
  if (init.callee.name === "__toESM") return moduleOf(init.arguments[0]);
  const [name] = init.arguments;
  return init.callee.name === "require" && typeof name?.value === "string"
    ? name.value.replace(/^node:/, "")
    : undefined;
}

const functionTypes = new Set(["FunctionExpression", "ArrowFunctionExpression", "FunctionDeclaration"]);

function closuresOf(visits: Visit[], declared: Map<string, AnyNode>): Set<AnyNode> {
  const inside = new Set<AnyNode>();
  for (const { node } of visits) {
    if (node.type !== "CallExpression" || node.callee.property?.name !== "run") continue;
    for (const argument of node.arguments) {
      if (functionTypes.has(argument.type)) inside.add(argument);
      else if (argument.type === "Identifier") inside.add(argument);
    }
  }
  const named = [...declared].filter(([, node]) => functionTypes.has(node.type));
  for (let grown = true; grown; ) {
    grown = false;
    for (const [name, body] of named) {
      if (inside.has(body)) continue;
      const uses = visits.filter(({ node }) => node.type === "Identifier" && node.name === name);
      const isInside = ({ node, above }: Visit): boolean =>
        inside.has(node) || above.some((outer) => inside.has(outer) || outer === body);
      if (uses.length > 0 && uses.every(isInside)) {
        inside.add(body);
        grown = true;
      }
    }
  }
  return inside;
}

/** Lines of packages: esbuild writes the path of each file above its code. */
function foreignLines(comments: Comment[]): [number, number][] {
  const files = comments.filter(
    ({ type, value, loc }) => type === "Line" && loc!.start.column <= 2 && /\.[cm]?[jt]sx?$/.test(value),
  );
  return files.flatMap(({ value, loc }, i): [number, number][] =>
    value.includes("node_modules/") ? [[loc!.start.line, files[i + 1]?.loc!.start.line ?? Infinity]] : [],
  );
}

function hasParameter(node: AnyNode, name: string): boolean {
  return functionTypes.has(node.type) && node.params.some((parameter: AnyNode) => parameter.name === name);
}

/** "a.b.c" of an identifier or a chain of members; `(0, a.b)` is how esbuild calls an import. */
function dotted(node: AnyNode): string | undefined {
  if (node.type === "Identifier") return node.name;
  if (node.type === "SequenceExpression") return dotted(node.expressions.at(-1));
  if (node.type === "ChainExpression") return dotted(node.expression);
  if (node.type !== "MemberExpression" || node.computed) return undefined;
  const object = dotted(node.object);
  return object && `${object}.${node.property.name}`;
}

function judge(
  node: AnyNode,
  above: AnyNode[],
  modules: Map<string, string>,
  isLocal: (name: string) => boolean,
): [string, Verdict] | undefined {
  if (node.type === "MemberExpression") return judgeEnvironment(node, above, isLocal);
  if (node.type !== "CallExpression" && node.type !== "NewExpression") return undefined;
  const name = dotted(node.callee);
  if (!name) return undefined;
  const [first = "", ...members] = name.split(".");
  const module = modules.get(first);
  if (module) return judgeModule(module, members);
  const global = name.replace(/^globalThis\./, "");
  if (isLocal(global.split(".")[0]!)) return undefined;
  if (node.type === "NewExpression") {
    if (global === "Date" && node.arguments.length === 0) return ["new Date()", recordedTime];
    return Object.hasOwn(constructed, global) ? [`new ${global}()`, constructed[global]!] : undefined;
  }
  if (Object.hasOwn(calls, global)) return [`${global}()`, calls[global]!];
  return global.startsWith("WebAssembly.") ? [global, removed] : undefined;
}

function judgeModule(imported: string, members: string[]): [string, Verdict] | undefined {
  const [module = "", ...names] = [...imported.split("."), ...members.filter((member) => member !== "default")];
  const what = `${[module, ...names].join(".")}()`;
  if (module === "crypto") return names.some((name) => chance.has(name)) ? [what, seeded] : undefined;
  if (module.startsWith("timers")) return /^set/.test(names.at(-1) ?? "") ? [what, durableTimer] : undefined;
  if (module === "process") return judgeModuleProcess(names);
  if (effectModules.has(module)) return [what, effect];
  return absentModules.has(module)
    ? [
        what,
        {
          treatment: "refused",
          advice: "This module does nothing in workflow code: use fetch or a program, inside step.run.",
        },
      ]
    : undefined;
}

function judgeModuleProcess(names: string[]): [string, Verdict] | undefined {
  const name = ["process", ...names].join(".");
  return Object.hasOwn(calls, name) ? [`${name}()`, calls[name]!] : undefined;
}

function judgeEnvironment(
  node: AnyNode,
  above: AnyNode[],
  isLocal: (name: string) => boolean,
): [string, Verdict] | undefined {
  const name = dotted(node)?.replace(/^globalThis\./, "");
  if (name !== "process.env" || isLocal("process")) return undefined;
  const outer = above.at(-1);
  const member = outer?.type === "MemberExpression" && outer.object === node ? dotted(outer) : undefined;
  return [member ?? "process.env", effect];
}
