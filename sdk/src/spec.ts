// The spec that a run is given: a file below .agent/specs, or a text that an agent makes one of. The workflow finds it in
// event.data.specFile, as an absolute path.

import { lazy } from "./load_lazy";
import { begin, enter, root, within } from "./phases";
import { requireModule } from "./require";
import { step } from "./step";

type Steps = Record<"run" | "agent" | "annotation", (id: string, what: unknown) => Promise<any>>;
type Files = Record<"statSync" | "existsSync", (path: string) => any>;

const steps = step as unknown as Steps;
const specsFolder = ".agent/specs";

export async function setUpSpec(data: Record<string, unknown>): Promise<void> {
  const content = String(data.specContent ?? "");
  if (!data.specFile && content === "") return;
  enter(root);
  await within(begin("_system_spec", "Spec", "_system_spec"), async () => {
    const file = content === "" ? String(data.specFile) : await generate(content, data);
    data.specFile = await steps.run("verify-spec-file", () => absolute(file, data));
    await steps.annotation("spec-file", { message: `Spec: ${String(data.specFile)}` });
  });
  enter(root);
}

/** Within a closure. In a worktree the spec may be one that is not committed yet: then it is the project's. */
function absolute(file: string, data: Record<string, unknown>): string {
  const { statSync, existsSync } = requireModule("fs") as Files;
  const folders = [data.workingDir, data.projectPath].flatMap((folder) => [`${folder}/${specsFolder}`, String(folder)]);
  const places = file.startsWith("/") ? [file] : folders.map((folder) => `${folder}/${file}`);
  const found = places.find((place) => existsSync(place) && statSync(place).isFile());
  if (found === undefined) throw new Error(`There is no spec '${file}': looked for ${[...new Set(places)].join(", ")}`);
  return found;
}

async function generate(content: string, data: Record<string, unknown>): Promise<string> {
  const type = String(data.specType || "feature");
  const name = `/cmd:generate-${type}-spec`;
  await steps.run("validate-spec-command", () => {
    const { existsSync } = requireModule("fs") as Files;
    const file = `.claude/commands/cmd/generate-${type}-spec.md`;
    if (existsSync(`${data.workingDir}/${file}`)) return;
    throw new Error(`${file} is missing: ${name} makes a spec of the text that the run was given`);
  });
  const made = await steps.agent("generate-spec", {
    agent: "claude",
    json: true,
    prompt: lazy().parts.slashCommands().buildSlashCommand(name, { context: content }),
    appendSystemPrompt: "Nobody is there to answer: ask no questions, decide yourself, and reply with the JSON.",
  });
  const file = made.data?.spec_file;
  if (made.success && typeof file === "string" && file !== "") return file;
  throw new Error(`${name} made no spec: ${made.error ?? 'its reply has no "spec_file"'}`);
}
