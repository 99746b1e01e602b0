// node:path, the POSIX form. Relative paths are resolved against the run's recorded working directory.

import { workingDir } from "agentcmd-core";

function normalizeSegments(path: string, mayClimb: boolean): string {
  const out: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "" || segment === ".") continue;
    if (segment !== "..") out.push(segment);
    else if (out.length > 0 && out[out.length - 1] !== "..") out.pop();
    else if (mayClimb) out.push("..");
  }
  return out.join("/");
}

function check(...paths: unknown[]): void {
  for (const path of paths) {
    if (typeof path !== "string") {
      throw Object.assign(new TypeError(`The "path" argument must be of type string. Received ${typeof path}`), {
        code: "ERR_INVALID_ARG_TYPE",
      });
    }
  }
}

function normalize(path: string): string {
  check(path);
  if (path === "") return ".";
  const isAbsolute = path.startsWith("/");
  let out = normalizeSegments(path, !isAbsolute);
  if (out === "" && !isAbsolute) out = ".";
  if (out !== "" && path.endsWith("/")) out += "/";
  return isAbsolute ? `/${out}` : out;
}

function join(...paths: string[]): string {
  check(...paths);
  return normalize(paths.filter((path) => path !== "").join("/"));
}

function resolve(...paths: string[]): string {
  check(...paths);
  let whole = "";
  for (const path of [...paths].reverse()) {
    if (whole.startsWith("/")) break;
    if (path !== "") whole = whole === "" ? path : `${path}/${whole}`;
  }
  if (!whole.startsWith("/")) whole = `${workingDir()}/${whole}`;
  return `/${normalizeSegments(whole, false)}`;
}

function relative(from: string, to: string): string {
  const source = resolve(from).split("/").filter(Boolean);
  const target = resolve(to).split("/").filter(Boolean);
  let same = 0;
  while (same < source.length && same < target.length && source[same] === target[same]) same++;
  return [...source.slice(same).map(() => ".."), ...target.slice(same)].join("/");
}

function dirname(path: string): string {
  check(path);
  const trimmed = path.replace(/\/+$/, "");
  const at = trimmed.lastIndexOf("/");
  if (at < 0) return trimmed === "" && path.startsWith("/") ? "/" : ".";
  return trimmed.slice(0, at).replace(/\/+$/, "") || "/";
}

function basename(path: string, suffix = ""): string {
  check(path);
  const base = path.replace(/\/+$/, "").replace(/^.*\//s, "");
  return suffix !== "" && base !== suffix && base.endsWith(suffix) ? base.slice(0, -suffix.length) : base;
}

function extname(path: string): string {
  const base = basename(path);
  const at = base.lastIndexOf(".");
  return at <= 0 || base === ".." ? "" : base.slice(at);
}

interface Parsed {
  root: string;
  dir: string;
  base: string;
  ext: string;
  name: string;
}

function parse(path: string): Parsed {
  const root = path.startsWith("/") ? "/" : "";
  const base = basename(path);
  const ext = extname(base);
  const dir = path === base ? "" : dirname(path);
  return {
    root,
    dir: dir === "." && !path.startsWith(".") ? "" : dir,
    base,
    ext,
    name: ext ? base.slice(0, -ext.length) : base,
  };
}

function format(parsed: Partial<Parsed>): string {
  const ext = parsed.ext && !parsed.ext.startsWith(".") ? `.${parsed.ext}` : (parsed.ext ?? "");
  const base = parsed.base ?? `${parsed.name ?? ""}${ext}`;
  const dir = parsed.dir || parsed.root;
  if (!dir) return base;
  return dir === parsed.root ? `${dir}${base}` : `${dir}/${base}`;
}

export const path: Record<string, unknown> = {
  sep: "/",
  delimiter: ":",
  normalize,
  join,
  resolve,
  relative,
  dirname,
  basename,
  extname,
  parse,
  format,
  isAbsolute: (path: string) => path.startsWith("/"),
  toNamespacedPath: (path: string) => path,
};
path.posix = path;
path.default = path;
