// node:url.

import { URL, URLSearchParams } from "../web/url";
import { path } from "./path";

export { URL, URLSearchParams };

export function fileURLToPath(url: string | URL): string {
  const parsed = typeof url === "string" ? new URL(url) : url;
  if (parsed.protocol !== "file:") {
    throw Object.assign(new TypeError("The URL must be of scheme file"), { code: "ERR_INVALID_URL_SCHEME" });
  }
  return decodeURIComponent(parsed.pathname);
}

export function pathToFileURL(file: string): URL {
  const url = new URL("file:///");
  const resolved = (path.resolve as (file: string) => string)(file);
  url.pathname = resolved
    .replace(/%/g, "%25")
    .replace(/\\/g, "%5C")
    .replace(/\n/g, "%0A")
    .replace(/\?/g, "%3F")
    .replace(/#/g, "%23");
  return url;
}

export function format(url: URL | string): string {
  return typeof url === "string" ? url : url.href;
}

/** The older form: parts as texts, null where there is none. */
export function parse(text: string, parseQuery = false): object {
  const url = URL.parse(text) ?? URL.parse(text, "relative:///");
  if (!url) throw new TypeError(`Invalid URL: ${text}`);
  const isRelative = url.protocol === "relative:";
  return {
    protocol: isRelative ? null : url.protocol,
    slashes: isRelative ? null : true,
    auth: url.username ? `${url.username}${url.password ? `:${url.password}` : ""}` : null,
    host: url.host || null,
    hostname: url.hostname || null,
    port: url.port || null,
    pathname: url.pathname || null,
    search: url.search || null,
    query: parseQuery ? Object.fromEntries(url.searchParams) : url.search.slice(1) || null,
    hash: url.hash || null,
    path: `${url.pathname}${url.search}` || null,
    href: isRelative ? text : url.href,
  };
}

export function resolve(from: string, to: string): string {
  return new URL(to, from).href;
}
