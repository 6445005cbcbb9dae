import { expect, test } from 'vitest';
import type { Column, Result, Value } from '../daemon/query.ts';
import { csvOf } from './csv.ts';
import { historyOf, QUERIES_MAX, withQuery } from './history.ts';
import { nextOrder, ordered } from './order.ts';
import { chartOf, LINES_MAX } from './result_chart.ts';

const time: Column = { name: 'time', type: 'Timestamp(ns, "UTC")' };
const label: Column = { name: 'site', type: 'Utf8' };
const value: Column = { name: 'value', type: 'Float64' };
const amount: Column = { name: 'amount', type: 'Decimal128(38, 2)' };

const result = (columns: Column[], rows: Value[][]): Result => ({ columns, rows, elapsed_ms: 1 });
const sorted = (column: Column, values: Value[], descending = false) =>
  ordered(values.map((one) => [one]), [column], { column: 0, descending }).map(([one]) => one);
const lines = (charted: Result) => {
  const chart = chartOf(charted);
  return 'lines' in chart ? chart.lines : chart.why;
};

test('numbers sort as numbers, also those that come as text, and what is no number comes last', () => {
  expect(sorted(amount, ['10.00', '9.50', null, '-1.00'])).toEqual(['-1.00', '9.50', '10.00', null]);
  expect(sorted(value, [2, 'NaN', 10, 1], true)).toEqual([10, 2, 1, 'NaN']);
});

test('times sort by every digit of theirs', () => {
  const [early, late, latest] = ['2026-01-01T00:00:00Z', '2026-01-01T00:00:00.000000002Z', '2026-01-01T00:00:00.5Z'];
  expect(sorted(time, [latest, early, late])).toEqual([early, late, latest]);
});

test('texts sort as people count', () => {
  expect(sorted(label, ['edge-10', 'edge-2', null, 'edge-1'])).toEqual(['edge-1', 'edge-2', 'edge-10', null]);
});

test('a heading goes up, down, and back to how the rows came', () => {
  const up = nextOrder(undefined, 1);
  const down = nextOrder(up, 1);
  expect([up, down, nextOrder(down, 1)]).toEqual([{ column: 1, descending: false }, { column: 1, descending: true }, undefined]);
  expect(nextOrder(down, 0)).toEqual({ column: 0, descending: false });
});

test('CSV quotes what needs it', () => {
  const rows: Value[][] = [['a,b', 1.5], ['say "x"\n', null], [{ a: 1 }, true]];
  expect(csvOf(result([label, value], rows), rows)).toBe(
    'site,value\r\n"a,b",1.5\r\n"say ""x""\n",\r\n"{""a"":1}",true\r\n',
  );
});

test('history: newest first, each once, bounded, and robust against what else was stored', () => {
  expect(withQuery(['b', 'a'], ' a ')).toEqual(['a', 'b']);
  expect(withQuery(['a'], '  ')).toEqual(['a']);
  const many = Array.from({ length: QUERIES_MAX + 9 }, (_, at) => `q${at}`).reduce<string[]>(withQuery, []);
  expect([many.length, many[0]]).toEqual([QUERIES_MAX, `q${QUERIES_MAX + 8}`]);
  expect([historyOf(null), historyOf('{'), historyOf('{"a":1}'), historyOf('["x", 3]')]).toEqual([[], [], [], ['x']]);
});

test('a chart: a line for each label, in order of time, numbers from text too', () => {
  const rows: Value[][] = [['1970-01-01T00:00:02Z', 'fra', '2.50'], ['1970-01-01T00:00:01Z', 'fra', '1.50'], ['1970-01-01T00:00:01Z', 'ams', '9']];
  expect(lines(result([time, label, amount], rows))).toEqual([
    { name: 'fra', points: [[1000, 1.5], [2000, 2.5]] },
    { name: 'ams', points: [[1000, 9]] },
  ]);
});

test('a chart: a line for each number column; what is no number leaves a gap', () => {
  const rows: Value[][] = [['1970-01-01T00:00:01Z', 1, 'NaN'], ['1970-01-01T00:00:02Z', null, 4]];
  expect(lines(result([time, value, { ...value, name: 'other' }], rows))).toEqual([
    { name: 'value', points: [[1000, 1]] },
    { name: 'other', points: [[2000, 4]] },
  ]);
});

test('a chart says why there is none, and what it leaves out', () => {
  expect(lines(result([value], [[1]]))).toBe('A chart needs a time column.');
  expect(lines(result([time, label], [['1970-01-01T00:00:01Z', 'x']]))).toBe('A chart needs a column of numbers.');
  expect(lines(result([time, value], [['1970-01-01T00:00:01Z', null]]))).toBe('No row has both a time and a number.');
  const many = Array.from({ length: LINES_MAX + 2 }, (_, at): Value[] => ['1970-01-01T00:00:01Z', `s${at}`, at]);
  expect(chartOf(result([time, label, value], many))).toMatchObject({ note: 'the first 12 of 14 lines' });
});
