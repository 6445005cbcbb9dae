/** Findings and plans from before the page was loaded, asked for in SQL. */

import { query, type Result, type Value } from '../daemon/query.ts';
import { type Entry, findingEntry, planEntry } from '../live/timeline.ts';

const EACH_MAX = 100;
const FINDINGS = `SELECT time, number, subject, id, kind, text FROM ops.findings ORDER BY time DESC LIMIT ${EACH_MAX}`;
const PLANS = `SELECT time, plan, reason, out_of_service FROM plan.plans ORDER BY time DESC LIMIT ${EACH_MAX}`;

export async function earlierEntries(): Promise<Entry[]> {
  const [findings, plans] = await Promise.all([query(FINDINGS), query(PLANS)]);
  return [...findingsOf(findings), ...plansOf(plans)];
}

export function findingsOf(result: Result): Entry[] {
  return result.rows.map(([time, number, subject, id, kind, text]) =>
    findingEntry({
      time_ms: milliseconds(time),
      number: Number(number),
      subject: String(subject),
      id: String(id),
      kind: String(kind),
      text: String(text),
    }),
  );
}

export function plansOf(result: Result): Entry[] {
  return result.rows.map(([time, number, reason, out]) =>
    planEntry({
      time_ms: milliseconds(time),
      number: String(number),
      reason: String(reason),
      out_of_service: String(out ?? '').split(',').filter(Boolean),
    }),
  );
}

/** Rows say nanoseconds, events whole milliseconds: cut, as events are, so that both are one entry. */
function milliseconds(time: Value | undefined): number {
  return Math.floor(Date.parse(String(time)));
}
