// Words about values that do not fit: what it is, where, and what would fit.

type Members = Record<string, any>;

export function shown(value: unknown): string {
  return typeof value === "function" ? "a function" : (JSON.stringify(value) ?? String(value));
}

/** A copy of an object that has nothing but the members in `known`. `fitting`: what would be right. */
export function membersOf(given: unknown, what: string, known: string[], fitting: string): Members {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new TypeError(`${what} is ${shown(given)}; it must be ${fitting}`);
  }
  const stranger = Object.keys(given).find((name) => !known.includes(name));
  if (stranger !== undefined) throw new TypeError(`${what} has no "${stranger}"; it has: ${known.join(", ")}`);
  return { ...given };
}

export function oneOf(value: unknown, allowed: string[], what: string): void {
  if (allowed.includes(value as string)) return;
  throw new TypeError(`${what} is ${shown(value)}; it must be one of ${allowed.map((word) => `"${word}"`).join(", ")}`);
}

export function textOf(value: unknown, what: string): string {
  if (typeof value === "string" && value.trim() !== "") return value;
  throw new TypeError(`${what} is ${shown(value)}; it must be a text that is not empty`);
}
