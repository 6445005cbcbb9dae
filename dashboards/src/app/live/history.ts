/** Time series since the page was loaded, from the snapshots that come each second. */

import type { State } from '../daemon/schema.ts';

/** An hour at a snapshot a second: for 8 sites 3,600 x 11 numbers of 8 bytes, 320 kB. SQL has the rest. */
export const POINTS_MAX = 3600;
/** Snapshots also come right after something happened; a rate over less than this is noise. */
const STEP_MIN_MS = 500;

export interface Point {
  time_ms: number;
  /** `NaN` where there is no telling: at the start, and when the daemon was restarted. */
  requests_per_s: number;
  failed_per_s: number;
  planned_mbps: ReadonlyMap<string, number>;
}

interface Counters {
  time_ms: number;
  requests: number;
  failed: number;
}

export interface History {
  points: readonly Point[];
  last: Counters | undefined;
}

export function noHistory(): History {
  return { points: [], last: undefined };
}

/** `history` with `state` in it; unchanged when `state` comes too soon after the last. */
export function recorded(history: History, state: State): History {
  const { last } = history;
  if (last && Math.abs(state.time_ms - last.time_ms) < STEP_MIN_MS) return history;
  const now = { time_ms: state.time_ms, requests: state.requests, failed: state.failed_requests };
  const point: Point = {
    time_ms: state.time_ms,
    requests_per_s: rate(last, now, 'requests'),
    failed_per_s: rate(last, now, 'failed'),
    planned_mbps: new Map(state.sites.map((site) => [site.id, site.planned_mbps])),
  };
  return { points: [...history.points, point].slice(-POINTS_MAX), last: now };
}

function rate(last: Counters | undefined, now: Counters, counter: 'requests' | 'failed'): number {
  // A counter that fell, or time that did, is another daemon's.
  if (!last || now.time_ms <= last.time_ms || now[counter] < last[counter]) return Number.NaN;
  return ((now[counter] - last[counter]) * 1000) / (now.time_ms - last.time_ms);
}
