// structuredClone for what workflow code holds: plain data, dates, maps, sets, bytes, errors; cycles too.

import { isError } from "agentcmd-core";

export function structuredClone<T>(value: T): T {
  return clone(value, new Map()) as T;
}

function clone(value: unknown, seen: Map<object, object>): unknown {
  if (typeof value === "function" || typeof value === "symbol") {
    const error = new Error(`structuredClone: a ${typeof value} cannot be cloned`);
    error.name = "DataCloneError";
    throw error;
  }
  if (typeof value !== "object" || value === null) return value;
  const known = seen.get(value);
  if (known) return known;
  const keep = <O extends object>(copy: O): O => {
    seen.set(value, copy);
    return copy;
  };
  if (value instanceof Date) return keep(new Date(value.getTime()));
  if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags));
  if (value instanceof ArrayBuffer) return keep(value.slice(0));
  if (ArrayBuffer.isView(value)) return keep(cloneView(value, seen));
  if (value instanceof Map) {
    const copy = keep(new Map<unknown, unknown>());
    for (const [key, inner] of value) copy.set(clone(key, seen), clone(inner, seen));
    return copy;
  }
  if (value instanceof Set) {
    const copy = keep(new Set<unknown>());
    for (const inner of value) copy.add(clone(inner, seen));
    return copy;
  }
  const copy = keep(Array.isArray(value) ? new Array(value.length) : isError(value) ? cloneError(value) : {}) as Record<
    string,
    unknown
  >;
  for (const key of Object.keys(value)) copy[key] = clone((value as Record<string, unknown>)[key], seen);
  return copy;
}

function cloneView(view: ArrayBufferView, seen: Map<object, object>): object {
  const buffer = clone(view.buffer, seen) as ArrayBuffer;
  // A Buffer becomes the plain array that it is, as in Node.
  const Kind = (view instanceof Uint8Array ? Uint8Array : view.constructor) as new (
    buffer: ArrayBuffer,
    offset: number,
    length: number,
  ) => object;
  const length = view instanceof DataView ? view.byteLength : (view as Uint8Array).length;
  return new Kind(buffer, view.byteOffset, length);
}

function cloneError(error: Error): Error {
  const copy = new Error(error.message);
  copy.name = error.name;
  if (error.stack !== undefined) copy.stack = error.stack;
  return copy;
}
