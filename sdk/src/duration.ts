// "1h 30m", "250ms", "2 days", "PT1H30M" and plain milliseconds.

const units: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const names: Record<string, string> = {
  millisecond: "ms",
  msec: "ms",
  second: "s",
  sec: "s",
  minute: "m",
  min: "m",
  hour: "h",
  hr: "h",
  day: "d",
  week: "w",
};
const term = /(\d+(?:\.\d+)?)\s*([a-z]+)[\s,]*/gy;
const iso = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;

/** Throws a readable error for what is no duration. */
export function milliseconds(duration: unknown, what: string): number {
  const bad = (): Error =>
    new TypeError(`${what}: ${JSON.stringify(duration)} is no duration; use milliseconds, "1h 30m" or "PT1H30M"`);
  if (typeof duration === "number") {
    if (!Number.isFinite(duration) || duration < 0) throw bad();
    return Math.round(duration);
  }
  if (typeof duration !== "string" || duration.trim() === "") throw bad();
  const parts = iso.exec(duration.trim());
  if (parts) {
    const [w, d, h, m, s] = parts.slice(1).map((part) => Number(part ?? 0)) as [number, number, number, number, number];
    return Math.round(w * units.w! + d * units.d! + h * units.h! + m * units.m! + s * units.s!);
  }
  const text = duration.trim().toLowerCase();
  if (/^\d+$/.test(text)) return Number(text);
  let total = 0;
  term.lastIndex = 0;
  while (term.lastIndex < text.length) {
    const found = term.exec(text);
    if (!found) throw bad();
    const word = found[2]!;
    const unit = units[word] ?? units[names[word] ?? names[word.replace(/s$/, "")] ?? ""];
    if (unit === undefined) throw bad();
    total += Number(found[1]) * unit;
  }
  return Math.round(total);
}

/** A Date, an ISO text or milliseconds since 1970. */
export function moment(time: unknown, what: string): number {
  const at = time instanceof Date ? time.getTime() : typeof time === "string" ? Date.parse(time) : time;
  if (typeof at !== "number" || !Number.isFinite(at)) {
    throw new TypeError(`${what}: ${String(time)} is no time; use a Date, an ISO text or milliseconds since 1970`);
  }
  return Math.round(at);
}
