// What `import … from "agentcmd-workflows"` gives.

import { CancelledError, NonRetryableError, RetryAfterError, TimeoutError } from "./errors";
import { defineLazily, lazy } from "./load_lazy";
import { defineSchema, defineWorkflow } from "./workflow";

const slashCommandNames = [
  "buildSlashCommand",
  "commandNameToArgsTypeName",
  "commandNameToTypeName",
  "generateResponseTypeCode",
  "generateSlashCommandTypesCode",
  "generateSlashCommandTypesFromDir",
  "parseArgumentHint",
  "parseJsonResponseSchema",
  "parseSlashCommand",
  "parseSlashCommands",
  "SlashCommandArgOrder",
];

let made: object | undefined;

export function sdkModule(): object {
  return (made ??= make());
}

function make(): object {
  // `__esModule` makes esbuild take it as it is; some definitions import it by default all the same.
  const sdk = {
    defineWorkflow,
    defineSchema,
    CancelledError,
    NonRetryableError,
    RetryAfterError,
    TimeoutError,
    VERSION: "1.3.2",
  };
  Object.defineProperty(sdk, "__esModule", { value: true });
  Object.defineProperty(sdk, "default", { value: sdk });
  defineLazily(sdk, ["MODELS"], () => lazy().parts.models(), true);
  defineLazily(sdk, slashCommandNames, () => lazy().parts.slashCommands(), true);
  return sdk;
}
