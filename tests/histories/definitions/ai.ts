// step.ai: a text, tried again after a refusal, and an object that needed a repair.
import { defineWorkflow } from "agentcmd-workflows";

const schema = {
  type: "object",
  properties: { title: { type: "string" }, size: { type: "integer" } },
  required: ["title", "size"],
};

export default defineWorkflow(
  { id: "ai", retries: { attempts: 3, initial: "1ms" } },
  async ({ step }) => {
    const greeting = await step.ai("greet", { prompt: "say good morning" });
    const described = await step.ai("describe", { prompt: "describe it", provider: "openai", schema });
    return { text: greeting.data.text, described: described.data, reason: described.result?.finishReason };
  },
);
