import { expect, test } from 'vitest';
import type { Finding } from '../daemon/schema.ts';
import { findingsOf, plansOf } from '../traffic/earlier.ts';
import { about, ENTRIES_MAX, findingEntry, merged, planEntry } from './timeline.ts';

const finding = (number: number, more: Partial<Finding> = {}): Finding => ({
  time_ms: number * 10, number, subject: 'node', id: 'edge-1', kind: 'down', text: 'lost', ...more,
});
const column = (name: string) => ({ name, type: 'Utf8' });

test('newest first, each once, whatever the order of arrival', () => {
  const timeline = merged([findingEntry(finding(2))], [findingEntry(finding(3)), findingEntry(finding(1)), findingEntry(finding(2))]);
  expect(timeline.map((entry) => entry.time_ms)).toEqual([30, 20, 10]);
});

test('of one moment, the finding is older than the plan that follows from it', () => {
  const plan = planEntry({ time_ms: 10, number: '1.2', reason: 'failover', out_of_service: ['edge-1'] });
  expect(merged([plan], [findingEntry(finding(1))]).map((entry) => entry.what)).toEqual(['plan', 'finding']);
});

test('nothing new leaves the same list, so that nothing is drawn again', () => {
  const timeline = merged([], [findingEntry(finding(1))]);
  expect(merged(timeline, [findingEntry(finding(1))])).toBe(timeline);
});

test('it is bounded, and the oldest leave', () => {
  const many = Array.from({ length: ENTRIES_MAX + 3 }, (_, at) => findingEntry(finding(at)));
  expect(merged([], many)).toHaveLength(ENTRIES_MAX);
  expect(merged([], many).at(-1)?.time_ms).toBe(30);
});

test('kinds that are no health ask for attention', () => {
  const tone = (kind: string) => findingEntry(finding(1, { kind })).tone;
  expect([tone('up'), tone('degraded'), tone('down'), tone('plan_refused')]).toEqual(['good', 'warning', 'bad', 'warning']);
});

test('entries about an id', () => {
  const timeline = [findingEntry(finding(1)), findingEntry(finding(2, { id: 'edge-2' }))];
  expect(about(timeline, new Set(['edge-2']))).toHaveLength(1);
});

test('what SQL and an event both tell is one entry', () => {
  const time_ms = Date.parse('2026-01-01T00:00:00.123Z');
  const findings = findingsOf({
    columns: ['time', 'number', 'subject', 'id', 'kind', 'text'].map(column),
    rows: [['2026-01-01T00:00:00.123456789Z', 4, 'node', 'edge-1', 'down', 'lost']],
    elapsed_ms: 1,
  });
  expect(merged(findings, [findingEntry(finding(4, { time_ms }))])).toBe(findings);
  const plans = plansOf({
    columns: ['time', 'plan', 'reason', 'out_of_service'].map(column),
    rows: [['2026-01-01T00:00:00.123Z', '1.4', 'failover', 'edge-1,edge-2']],
    elapsed_ms: 1,
  });
  const event = { time_ms, number: '1.4', reason: 'failover', out_of_service: ['edge-1', 'edge-2'] };
  expect(plans).toEqual([planEntry(event)]);
});
