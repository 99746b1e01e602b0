// node:util.

import { isError } from "agentcmd-core";
import { customInspect, format as formatAll, inspect as inspectValue, type InspectOptions } from "../inspect";
import { TextDecoder, TextEncoder } from "../web/encoding";
import { isDeepStrictEqual } from "./equality";

type Call = (...args: any[]) => any;

export { isDeepStrictEqual, TextDecoder, TextEncoder };

export function inspect(value: unknown, options?: InspectOptions): string {
  return inspectValue(value, typeof options === "object" && options !== null ? options : {});
}
inspect.custom = customInspect;

export function format(...args: unknown[]): string {
  return formatAll(args);
}

const customPromisify = Symbol.for("nodejs.util.promisify.custom");

export function promisify(call: Call): Call {
  const custom = (call as unknown as Record<symbol, Call | undefined>)[customPromisify];
  if (custom) return custom;
  return function (this: unknown, ...args: unknown[]) {
    return new Promise((resolve, reject) => {
      call.call(this, ...args, (error: unknown, value: unknown) => (error ? reject(error) : resolve(value)));
    });
  };
}
promisify.custom = customPromisify;

export function callbackify(call: Call): Call {
  return (...args: any[]) => {
    const callback = args.pop() as Call;
    call(...args).then(
      (value: unknown) => callback(null, value),
      (error: unknown) => callback(error),
    );
  };
}

export function deprecate<T>(call: T): T {
  return call;
}

export function debuglog(): Call {
  return Object.assign(() => undefined, { enabled: false });
}
export const debug = debuglog;

export function inherits(child: Function, parent: Function): void {
  Object.setPrototypeOf(child.prototype, parent.prototype);
}

export function stripVTControlCharacters(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07/g, "");
}

export function styleText(_style: unknown, text: string): string {
  return text;
}

export const types = {
  isDate: (value: unknown) => value instanceof Date,
  isRegExp: (value: unknown) => value instanceof RegExp,
  isPromise: (value: unknown) => value instanceof Promise,
  isMap: (value: unknown) => value instanceof Map,
  isSet: (value: unknown) => value instanceof Set,
  isNativeError: isError,
  isUint8Array: (value: unknown) => value instanceof Uint8Array,
  isTypedArray: (value: unknown) => ArrayBuffer.isView(value) && !(value instanceof DataView),
  isArrayBuffer: (value: unknown) => value instanceof ArrayBuffer,
  isAnyArrayBuffer: (value: unknown) => value instanceof ArrayBuffer,
  isAsyncFunction: (value: unknown) => typeof value === "function" && value.constructor.name === "AsyncFunction",
  isProxy: () => false,
};
