// What `import … from "agentcmd-workflows"` gives.

export { defineWorkflow } from "./workflow";
export { MODELS } from "./models";
export {
  buildSlashCommand,
  commandNameToArgsTypeName,
  commandNameToTypeName,
  generateResponseTypeCode,
  generateSlashCommandTypesCode,
  generateSlashCommandTypesFromDir,
  parseArgumentHint,
  parseJsonResponseSchema,
  parseSlashCommands,
  SlashCommandArgOrder,
} from "./slash_commands";
export { CancelledError, TimeoutError } from "./errors";

/** Gives the schema back; its type is what counts. */
export function defineSchema<T>(schema: T): T {
  return schema;
}

export const VERSION = "1.3.2";
