import { expect, test } from 'vitest';
import { after, type Message, nothingYet } from './live.ts';
import { estate, stateAt } from './sample.ts';

const afterAll = (...messages: Message[]) => messages.reduce(after, nothingYet());
const lost = (at_ms: number): Message => ({ type: 'disconnected', at_ms, why: 'gone', needs_token: false });

test('a connection brings the estate, a state what is, and neither forgets the other', () => {
  const live = afterAll({ type: 'connected', estate }, { type: 'state', state: stateAt(1000) });
  expect(live.connection.phase).toBe('live');
  expect(live.estate).toBe(estate);
  expect(live.state?.time_ms).toBe(1000);
  expect(live.history.points).toHaveLength(1);
});

test('another estate takes the place of the first, and all else stays', () => {
  const next = { ...estate, groups: estate.groups.slice(1) };
  const live = afterAll({ type: 'connected', estate }, { type: 'state', state: stateAt(1000) }, { type: 'estate', estate: next });
  expect(live.estate).toBe(next);
  expect(live.connection.phase).toBe('live');
  expect(live.history.points).toHaveLength(1);
});

test('disconnected since the first failure, with the last state still shown', () => {
  const live = afterAll({ type: 'connected', estate }, { type: 'state', state: stateAt(1000) }, lost(5), lost(9));
  expect(live.connection).toMatchObject({ phase: 'disconnected', since_ms: 5 });
  expect(live.state?.time_ms).toBe(1000);
  expect(after(live, { type: 'connected', estate }).connection.phase).toBe('live');
});

test('findings and plans make the timeline, missed events are counted', () => {
  const live = afterAll(
    { type: 'finding', finding: { time_ms: 1, number: 7, subject: 'node', id: 'edge-1', kind: 'down', text: 'lost' } },
    { type: 'plan', plan: { time_ms: 2, number: '1.2', reason: 'failover', out_of_service: ['edge-1'] } },
    { type: 'missed', count: 3 },
    { type: 'missed', count: 2 },
  );
  expect(live.timeline.map((entry) => entry.title)).toEqual(['plan 1.2: failover', 'node edge-1: down']);
  expect(live.missed).toBe(5);
});
