// style B: one object with execute(), no import
export default defineWorkflow({
  id: 'generate-feature',
  phases: ['research', 'implement', 'review'],
  async execute({ step, event }) {
    console.log('Starting workflow at', new Date());
    step.phase('research');
    const docs = await step.agent({
      agent: 'claude',
      prompt: 'Research the feature',
    });
    step.phase('implement');
    await step.git({
      type: 'commit-and-branch',
      branch: 'feat/new-feature',
    });
  }
});
