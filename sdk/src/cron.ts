// The value of cron.js: when schedules are due. croner knows the patterns and the zones, with their changes between
// summer and winter; everything else about schedules is the driver's.

import { Cron } from "croner";

interface Question {
  pattern: string;
  timezone?: string;
  /** Milliseconds: the due times behind this moment, */
  after: number;
  /** up to and including this one, where it is given; */
  until?: number;
  /** at most so many. */
  count: number;
}

type Answer = { times: number[] } | { error: string };

function answer(question: Question): Answer {
  try {
    const cron = new Cron(question.pattern, { timezone: question.timezone, paused: true });
    const times: number[] = [];
    let last = new Date(question.after);
    while (times.length < question.count) {
      const next = cron.nextRun(last);
      if (next === null || (question.until !== undefined && next.getTime() > question.until)) break;
      times.push(next.getTime());
      last = next;
    }
    return { times };
  } catch (thrown) {
    return { error: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

/** JSON texts: a list of questions, and the answers in the same order. */
export function cron(questions: string): string {
  return JSON.stringify((JSON.parse(questions) as Question[]).map(answer));
}
