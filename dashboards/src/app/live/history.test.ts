import { expect, test } from 'vitest';
import { noHistory, POINTS_MAX, recorded } from './history.ts';
import { stateAt } from './sample.ts';

const snapshots = (...counted: [time_ms: number, requests: number, failed?: number][]) =>
  counted.reduce(
    (history, [time_ms, requests, failed_requests = 0]) => recorded(history, stateAt(time_ms, { requests, failed_requests })),
    noHistory(),
  );
const rates = (...counted: [number, number][]) => snapshots(...counted).points.map((point) => point.requests_per_s);

test('rates are differences of counters over the time between snapshots', () => {
  expect(rates([1000, 0], [2000, 700], [4000, 1700])).toEqual([Number.NaN, 700, 500]);
  expect(snapshots([0, 10, 1], [2000, 30, 5]).points.at(-1)?.failed_per_s).toBe(2);
});

test('a snapshot right after another changes nothing: the next one covers its time', () => {
  expect(rates([1000, 0], [1100, 400], [2000, 700])).toEqual([Number.NaN, 700]);
});

test('counters or clocks that went back are another daemon, and no rate', () => {
  expect(rates([1000, 900], [2000, 50], [3000, 150])).toEqual([Number.NaN, Number.NaN, 100]);
  expect(rates([9000, 0], [2000, 50], [3000, 150])).toEqual([Number.NaN, Number.NaN, 100]);
});

test('the oldest points leave first', () => {
  const history = snapshots(...Array.from({ length: POINTS_MAX + 5 }, (_, at): [number, number] => [at * 1000, at]));
  expect(history.points).toHaveLength(POINTS_MAX);
  expect(history.points[0]?.time_ms).toBe(5000);
});

test('planned traffic is kept by site', () => {
  expect(snapshots([0, 0]).points[0]?.planned_mbps.get('fra')).toBe(8);
});
