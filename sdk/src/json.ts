// What workflow code hands out becomes JSON text once, here. What JSON would lose without a word is an error
// that names the place.

/** Readers of stored JSON stop at 512 levels, of which what is around a value takes some. */
const deepest = 500;

/** Null to everyone else; the blank tells us that the closure returned nothing. */
const undefinedText = " null";

export function decode(text: string): unknown {
  return text === undefinedText ? undefined : JSON.parse(text);
}

/** `what` begins the message: `step.run("load") returned`. */
export function encode(value: unknown, what: string): string {
  if (value === undefined) return undefinedText;
  if (value === null || typeof value === "number" || typeof value === "string" || typeof value === "boolean") {
    return JSON.stringify(value);
  }
  let text: string | undefined;
  try {
    text = JSON.stringify(value, refuseLossy);
  } catch (error) {
    throw new TypeError(`${what} ${reason(value, error)}`);
  }
  if (text === undefined) throw new TypeError(`${what} a ${typeof value}, which JSON cannot hold`);
  if (text.length > 2 * deepest && isDeeper(value, deepest)) {
    throw new TypeError(`${what} something nested deeper than ${deepest} levels: make it flatter`);
  }
  return text;
}

/** The same, with `null` for nothing. */
export function encodeOrNull(value: unknown, what: string): string {
  return value === undefined ? "null" : encode(value, what);
}

/** Not of what a toJSON() replaces, which may hang together in any way. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") return false;
  if (levels === 0) return true;
  return Object.values(value).some((inner) => isDeeper(inner, levels - 1));
}

function refuseLossy(this: unknown, _key: string, value: unknown): unknown {
  if (typeof value === "object" && value !== null && lossy(value)) throw new TypeError("lossy");
  return value;
}

function lossy(value: object): string | undefined {
  if (value instanceof Map) return "a Map, which JSON cannot hold: use Object.fromEntries()";
  if (value instanceof Set) return "a Set, which JSON cannot hold: use Array.from()";
  if (value instanceof Promise) return "a Promise: an await is missing";
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    return "bytes, which JSON cannot hold: use a base64 text";
  }
  return undefined;
}

function reason(value: unknown, error: unknown): string {
  const found = find(value, "value", new Set());
  return found ?? `something that JSON cannot hold: ${(error as Error).message}`;
}

function find(value: unknown, path: string, above: Set<object>): string | undefined {
  if (typeof value === "bigint") return `a BigInt at ${path}, which JSON cannot hold: use String()`;
  if (typeof value !== "object" || value === null) return undefined;
  if (above.has(value)) return `something that contains itself, at ${path}: JSON cannot hold cycles`;
  const bad = lossy(value);
  if (bad) return `at ${path} ${bad}`;
  above.add(value);
  for (const [key, inner] of Object.entries(value)) {
    const found = find(inner, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`, above);
    if (found) return found;
  }
  above.delete(value);
  return undefined;
}
