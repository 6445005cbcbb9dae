/** The report of the pair that is looked at, asked for once for each plan. */

import { query } from '../daemon/query.ts';
import type { Plan, State } from '../daemon/schema.ts';
import type { Redraw } from '../page/view.ts';
import type { Pair } from '../route.ts';
import { type Report, reportOf, reportQuery } from './report.ts';

/** How far asking got. */
export type Asked = { phase: 'asking' } | { phase: 'told'; report: Report | undefined } | { phase: 'failed'; why: string };

/** The store gets rows after the plan is in force; what is not there after so many seconds was dropped. */
const TRIES_MAX = 5;
const RETRY_AFTER_MS = 1000;

interface Question {
  pair: Pair;
  plan: string;
  tries: number;
  at_ms: number;
  isOpen: boolean;
}

export function reportsAsked(redraw: Redraw) {
  let question: Question | undefined;
  let asked: Asked = { phase: 'asking' };

  async function ask(current: Question): Promise<void> {
    const answer = await query(reportQuery(current.pair)).then(
      (result): Asked => ({ phase: 'told', report: reportOf(result) }),
      (error: Error): Asked => ({ phase: 'failed', why: error.message }),
    );
    // Another pair or plan was asked about meanwhile: this answers a question of the past.
    if (current !== question) return;
    current.isOpen = false;
    asked = answer;
    redraw();
  }

  return {
    /** Called at every drawing, so every second. */
    asked(pair: Pair, state: State): Asked {
      const tries = triesFor(question, asked, pair, state);
      if (tries === undefined) return asked;
      // The same pair's older report stays until the new one is there: no flicker at each plan.
      if (!question || !isSame(question.pair, pair)) asked = { phase: 'asking' };
      question = { pair, plan: numberOf(state.plan), tries, at_ms: state.time_ms, isOpen: true };
      void ask(question);
      return asked;
    },
  };
}

/** The how manieth time to ask now; `undefined` when there is nothing to ask. */
function triesFor(question: Question | undefined, asked: Asked, pair: Pair, state: State): number | undefined {
  if (!question || !isSame(question.pair, pair) || question.plan !== numberOf(state.plan)) return 1;
  const isWaiting = question.isOpen || state.time_ms - question.at_ms < RETRY_AFTER_MS;
  const isDone = question.tries >= TRIES_MAX || asked.phase !== 'told' || isReportOf(asked.report, state.plan);
  return isWaiting || isDone ? undefined : question.tries + 1;
}

/** Whether `report` is the one that `plan` brings: only a plan of the slow loop weighs candidates. */
function isReportOf(report: Report | undefined, plan: Plan | null): boolean {
  return plan?.reason !== 'planned' || report?.plan === plan.number;
}

function numberOf(plan: Plan | null): string {
  return plan?.number ?? '';
}

function isSame(a: Pair, b: Pair): boolean {
  return a.group === b.group && a.domain === b.domain;
}
