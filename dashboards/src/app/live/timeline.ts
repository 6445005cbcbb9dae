/** Findings and plans in the order they happened, newest first. */

import type { Finding, Published } from '../daemon/schema.ts';

/** A bad hour of the demo makes about 200; a page of 500 is more than anybody scrolls. */
export const ENTRIES_MAX = 500;

export type Tone = 'good' | 'warning' | 'bad' | 'neutral';

export interface Entry {
  /** The same entry, told by an event and by SQL, has the same key. */
  key: string;
  time_ms: number;
  what: 'finding' | 'plan';
  tone: Tone;
  /** Whom a finding is about: `node` and `edge-3`. */
  subject: string;
  id: string;
  title: string;
  text: string;
}

const TONES: Record<string, Tone> = { up: 'good', degraded: 'warning', down: 'bad', unknown: 'neutral' };

export function findingEntry(finding: Finding): Entry {
  return {
    key: `finding ${finding.number} ${finding.time_ms}`,
    time_ms: finding.time_ms,
    what: 'finding',
    // What is no health (anomaly, panic, a refused plan) asks for somebody's attention.
    tone: TONES[finding.kind] ?? 'warning',
    subject: finding.subject,
    id: finding.id,
    title: `${finding.subject} ${finding.id}: ${finding.kind.replaceAll('_', ' ')}`,
    text: finding.text,
  };
}

export function planEntry(plan: Published): Entry {
  const out = plan.out_of_service;
  return {
    key: `plan ${plan.number} ${plan.time_ms}`,
    time_ms: plan.time_ms,
    what: 'plan',
    tone: 'neutral',
    subject: 'plan',
    id: plan.number,
    title: `plan ${plan.number}: ${plan.reason}`,
    text: out.length > 0 ? `out of service: ${out.join(', ')}` : 'everything in service',
  };
}

/** `timeline` and `entries`, newest first, each once, at most `ENTRIES_MAX`. */
export function merged(timeline: readonly Entry[], entries: readonly Entry[]): readonly Entry[] {
  const known = new Set(timeline.map((entry) => entry.key));
  const fresh = entries.filter((entry) => !known.has(entry.key));
  if (fresh.length === 0) return timeline;
  return [...fresh, ...timeline].sort(newestFirst).slice(0, ENTRIES_MAX);
}

/** In one millisecond a plan follows from the finding, though it is announced before it. */
function newestFirst(a: Entry, b: Entry): number {
  return b.time_ms - a.time_ms || Number(b.what === 'plan') - Number(a.what === 'plan');
}

/** The entries about `id`, itself or in a plan's list of what is out of service. */
export function about(timeline: readonly Entry[], ids: ReadonlySet<string>): readonly Entry[] {
  return timeline.filter((entry) => ids.has(entry.id));
}
