/** What the page knows, and how each message of the daemon changes it. No I/O, no clock. */

import type { Estate, Finding, Published, State } from '../daemon/schema.ts';
import { type History, noHistory, recorded } from './history.ts';
import { type Entry, findingEntry, merged, planEntry } from './timeline.ts';

export type Connection =
  | { phase: 'connecting' }
  | { phase: 'live' }
  | { phase: 'disconnected'; since_ms: number; why: string; needs_token: boolean };

export interface Live {
  connection: Connection;
  estate: Estate | undefined;
  state: State | undefined;
  history: History;
  /** Newest first. */
  timeline: readonly Entry[];
  /** Events that the daemon dropped because this page was too slow. */
  missed: number;
}

export type Message =
  | { type: 'connected'; estate: Estate }
  | { type: 'estate'; estate: Estate }
  | { type: 'disconnected'; at_ms: number; why: string; needs_token: boolean }
  | { type: 'state'; state: State }
  | { type: 'finding'; finding: Finding }
  | { type: 'plan'; plan: Published }
  | { type: 'earlier'; entries: readonly Entry[] }
  | { type: 'missed'; count: number };

export function nothingYet(): Live {
  return {
    connection: { phase: 'connecting' },
    estate: undefined,
    state: undefined,
    history: noHistory(),
    timeline: [],
    missed: 0,
  };
}

/** `live` after `message`. */
export function after(live: Live, message: Message): Live {
  switch (message.type) {
    case 'connected':
      return { ...live, connection: { phase: 'live' }, estate: message.estate };
    case 'estate':
      return { ...live, estate: message.estate };
    case 'disconnected':
      return { ...live, connection: disconnected(live.connection, message) };
    case 'state':
      return { ...live, state: message.state, history: recorded(live.history, message.state) };
    case 'finding':
      return { ...live, timeline: merged(live.timeline, [findingEntry(message.finding)]) };
    case 'plan':
      return { ...live, timeline: merged(live.timeline, [planEntry(message.plan)]) };
    case 'earlier':
      return { ...live, timeline: merged(live.timeline, message.entries) };
    case 'missed':
      return { ...live, missed: live.missed + message.count };
  }
}

type Lost = Extract<Message, { type: 'disconnected' }>;

/** Every failed attempt says so again; the time that counts is the first. */
function disconnected(before: Connection, lost: Lost): Connection {
  const since_ms = before.phase === 'disconnected' ? before.since_ms : lost.at_ms;
  return { phase: 'disconnected', since_ms, why: lost.why, needs_token: lost.needs_token };
}
