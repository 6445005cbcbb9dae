/** The chart in a result: a time column, and numbers over it. */

import type { EChartsCoreOption } from 'echarts/core';
import { type Column, isNumeric, isTime, type Result, type Value } from '../daemon/query.ts';
import { seriesColour, timeAxis, timeChart, valueAxis } from '../page/line_chart.ts';
import type { Palette } from '../page/theme.ts';

/** More lines than that are a carpet. */
export const LINES_MAX = 12;
/** 12 lines over a screen's width, twice over; the rest is thinned out by asking for less. */
export const POINTS_MAX = 20_000;

export interface Line {
  name: string;
  points: [time_ms: number, value: number][];
}

export type ResultChart = { lines: Line[]; note: string } | { why: string };

/** The lines in `result`; one for each number column, and for each label when there is a label column. */
export function chartOf(result: Result): ResultChart {
  const { columns } = result;
  const time = columns.findIndex(isTime);
  const numbers = columns.flatMap((column, at) => (isNumeric(column) ? [at] : []));
  if (time < 0) return { why: 'A chart needs a time column.' };
  if (numbers.length === 0) return { why: 'A chart needs a column of numbers.' };
  const labels = columns.flatMap((column, at) => (at !== time && isLabel(column) ? [at] : []));
  const rows = result.rows.slice(0, POINTS_MAX);
  const lines = new Map<string, Line>();
  for (const row of rows) addPoints(lines, row, { time, numbers, labels }, columns);
  const all = [...lines.values()].filter((line) => line.points.length > 0);
  for (const line of all) line.points.sort(([a], [b]) => a - b);
  if (all.length === 0) return { why: 'No row has both a time and a number.' };
  return { lines: all.slice(0, LINES_MAX), note: noteOf(all.length, result.rows.length) };
}

interface Places {
  time: number;
  numbers: number[];
  labels: number[];
}

function isLabel(column: Column): boolean {
  return /^(Utf8|LargeUtf8|Dictionary)/.test(column.type);
}

function addPoints(lines: Map<string, Line>, row: readonly Value[], places: Places, columns: readonly Column[]): void {
  const time_ms = Date.parse(String(row[places.time]));
  if (Number.isNaN(time_ms)) return;
  const label = places.labels.map((at) => String(row[at] ?? '')).join(' ');
  for (const at of places.numbers) {
    const value = row[at] === null ? Number.NaN : Number(row[at]);
    if (!Number.isFinite(value)) continue;
    const name = nameOf(label, columns[at]?.name ?? '', places.numbers.length);
    const line = lines.get(name) ?? { name, points: [] };
    line.points.push([time_ms, value]);
    lines.set(name, line);
  }
}

function nameOf(label: string, column: string, numbers: number): string {
  if (label === '') return column;
  return numbers > 1 ? `${label} ${column}` : label;
}

function noteOf(lines: number, rows: number): string {
  const notes = [];
  if (lines > LINES_MAX) notes.push(`the first ${LINES_MAX} of ${lines} lines`);
  if (rows > POINTS_MAX) notes.push(`the first ${POINTS_MAX} of ${rows} rows`);
  return notes.join(', ');
}

export function resultChartOption(lines: readonly Line[], colours: Palette): EChartsCoreOption {
  return timeChart(colours, {
    legend: { type: 'plain', top: 0, left: 0, icon: 'roundRect', itemWidth: 12, itemHeight: 4, textStyle: { color: colours.text, fontSize: 12 } },
    grid: [{ id: 'result', left: 60, right: 16, top: lines.length > 6 ? 56 : 32, bottom: 26 }],
    xAxis: [{ id: 'result', ...timeAxis(colours, 6) }],
    yAxis: [{ id: 'result', ...valueAxis(colours, 5), min: undefined, scale: true }],
    series: lines.map((line, at) => ({
      id: line.name,
      name: line.name,
      type: 'line',
      data: line.points,
      showSymbol: line.points.length < 40,
      symbolSize: 4,
      lineStyle: { width: 1.6, color: seriesColour(at) },
      itemStyle: { color: seriesColour(at) },
    })),
  });
}
