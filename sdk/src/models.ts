// Names of models, by provider.

export const MODELS = {
  anthropic: {
    HAIKU_3_5: "claude-3-5-haiku-20241022",
    SONNET_3_7: "claude-3-7-sonnet-20250219",
    SONNET_4_5: "claude-sonnet-4-5-20250929",
    OPUS_4: "claude-opus-4-20250514",
    OPUS_4_5: "claude-opus-4-5",
  },
  openai: {
    GPT_4: "gpt-4",
    GPT_4_TURBO: "gpt-4-turbo",
    GPT_4_O: "gpt-4o",
    GPT_4_MINI: "gpt-4o-mini",
  },
} as const;
