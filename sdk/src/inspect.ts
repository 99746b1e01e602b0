// Values as text, for log lines: the manner of Node's util.inspect, in short.

import { isError } from "agentcmd-core";

const widthMax = 72;
const depthMax = 4;
const itemsMax = 100;

/** The arguments of console.log: %s %d %i %f %j %o %O %c in the first text, the rest behind it. */
export function format(args: unknown[]): string {
  const [first, ...rest] = args;
  const parts: string[] = [];
  if (typeof first === "string" && rest.length > 0 && first.includes("%")) {
    parts.push(
      first.replace(/%[sdifjoOc%]/g, (place) =>
        place === "%%" ? "%" : rest.length > 0 ? filled(place, rest.shift()) : place,
      ),
    );
  } else if (args.length > 0) parts.push(shown(first));
  return [...parts, ...rest.map(shown)].join(" ");
}

function filled(place: string, value: unknown): string {
  switch (place) {
    case "%s":
      return shown(value);
    case "%d":
      return typeof value === "object" ? "NaN" : String(typeof value === "bigint" ? `${value}n` : Number(value));
    case "%i":
      return String(Number.parseInt(String(value), 10));
    case "%f":
      return String(Number.parseFloat(String(value)));
    case "%j":
      return JSON.stringify(value) ?? "undefined";
    case "%c":
      return "";
    default:
      return inspect(value);
  }
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : inspect(value);
}

export interface InspectOptions {
  depth?: number | null;
}

export const customInspect = Symbol.for("nodejs.util.inspect.custom");

export function inspect(value: unknown, options: InspectOptions = {}): string {
  return textOf(value, options.depth === null ? Infinity : (options.depth ?? depthMax), [], "");
}

function textOf(value: unknown, depth: number, above: object[], indent: string): string {
  switch (typeof value) {
    case "string":
      return quoted(value);
    case "bigint":
      return `${value}n`;
    case "symbol":
      return value.toString();
    case "function":
      return nameOfFunction(value);
    case "object":
      return value === null ? "null" : textOfObject(value, depth, above, indent);
    default:
      return Object.is(value, -0) ? "-0" : String(value);
  }
}

function quoted(text: string): string {
  const quote = !text.includes("'") ? "'" : !text.includes('"') ? '"' : "'";
  const escaped = JSON.stringify(text).slice(1, -1).replace(/\\"/g, '"');
  return quote + (quote === "'" ? escaped.replace(/'/g, "\\'") : escaped) + quote;
}

function nameOfFunction(value: Function): string {
  const kind = /^class\b/.test(Function.prototype.toString.call(value)) ? "class" : "Function";
  return kind === "class" ? `[class ${value.name || "(anonymous)"}]` : `[Function: ${value.name || "(anonymous)"}]`;
}

function textOfObject(value: object, depth: number, above: object[], indent: string): string {
  if (above.includes(value)) return "[Circular]";
  const custom = (value as Record<symbol, unknown>)[customInspect];
  if (typeof custom === "function") {
    const text = custom.call(value, depth, {}, inspect);
    return typeof text === "string" ? text : textOf(text, depth, [...above, value], indent);
  }
  if (isError(value)) return textOfError(value, depth, above, indent);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp) return String(value);
  if (value instanceof Promise) return "Promise {}";
  const name = nameOf(value);
  if (depth < 0) return Array.isArray(value) ? "[Array]" : `[${name || "Object"}]`;
  const inner = (item: unknown): string => textOf(item, depth - 1, [...above, value], `${indent}  `);
  if (Array.isArray(value))
    return listed(
      name === "Array" ? "" : `${name}(${value.length}) `,
      "[",
      value.slice(0, itemsMax).map(inner),
      "]",
      value.length,
      indent,
    );
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    const array = value as unknown as ArrayLike<unknown>;
    return listed(
      `${name}(${array.length}) `,
      "[",
      Array.from({ length: Math.min(array.length, itemsMax) }, (_, i) => inner(array[i])),
      "]",
      array.length,
      indent,
    );
  }
  if (value instanceof Map)
    return listed(
      `Map(${value.size}) `,
      "{",
      [...value].slice(0, itemsMax).map(([k, v]) => `${inner(k)} => ${inner(v)}`),
      "}",
      value.size,
      indent,
    );
  if (value instanceof Set)
    return listed(`Set(${value.size}) `, "{", [...value].slice(0, itemsMax).map(inner), "}", value.size, indent);
  const keys = Object.keys(value);
  const items = keys
    .slice(0, itemsMax)
    .map((key) => `${nameOfKey(key)}: ${inner((value as Record<string, unknown>)[key])}`);
  return listed(
    name === "Object" ? "" : name ? `${name} ` : "[Object: null prototype] ",
    "{",
    items,
    "}",
    keys.length,
    indent,
  );
}

function textOfError(error: Error, depth: number, above: object[], indent: string): string {
  const head = `${error.name}: ${error.message}`;
  const stack = String(error.stack ?? "");
  const text = stack.startsWith(head) ? stack : stack ? `${head}\n${stack.replace(/^/gm, "    at ").trimEnd()}` : head;
  const keys = Object.keys(error).filter((key) => !["line", "column", "sourceURL", "stack", "message"].includes(key));
  if (keys.length === 0 || depth < 0) return text;
  const fields = keys.map(
    (key) =>
      `${nameOfKey(key)}: ${textOf((error as unknown as Record<string, unknown>)[key], depth - 1, [...above, error], `${indent}  `)}`,
  );
  return `${text} ${listed("", "{", fields, "}", fields.length, indent)}`;
}

function nameOf(value: object): string {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null ? "" : String(prototype.constructor?.name ?? "Object");
}

function nameOfKey(key: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? key : quoted(key);
}

function listed(head: string, open: string, items: string[], close: string, count: number, indent: string): string {
  const all = count > items.length ? [...items, `... ${count - items.length} more`] : items;
  if (all.length === 0) return `${head}${open}${close}`;
  const line = `${head}${open} ${all.join(", ")} ${close}`;
  if (line.length <= widthMax && !line.includes("\n")) return line;
  return `${head}${open}\n${all.map((item) => `${indent}  ${item}`).join(",\n")}\n${indent}${close}`;
}
