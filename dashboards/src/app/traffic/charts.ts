/** Options of the time series: users' requests, and planned traffic of every site beside its capacity. */

import type { LineSeriesOption } from 'echarts/charts';
import type { EChartsCoreOption } from 'echarts/core';
import type { Load } from '../daemon/schema.ts';
import { bitsPerSecond, clockTime, mbps } from '../format.ts';
import type { Point } from '../live/history.ts';
import { tooltipLines } from '../page/chart.ts';
import { timeAxis, timeChart, valueAxis } from '../page/line_chart.ts';
import type { Palette } from '../page/theme.ts';

/** Small multiples stop being readable beyond; the busiest are shown. */
export const SITES_SHOWN_MAX = 12;
const SITES_PER_ROW = 4;
const ROW_HEIGHT = 104;

export function rateOption(
  points: readonly Point[],
  rate: 'requests_per_s' | 'failed_per_s',
  colour: string,
  colours: Palette,
): EChartsCoreOption {
  const name = rate === 'failed_per_s' ? 'failed/s' : 'requests/s';
  const series: LineSeriesOption = {
    ...plainLine(rate, colour),
    name,
    areaStyle: { color: colour, opacity: 0.12 },
    data: points.map((point) => [point.time_ms, point[rate]]),
    tooltip: { valueFormatter: (value) => `${Number(value).toFixed(1)}` },
  };
  return timeChart(colours, {
    grid: [{ id: rate, left: 44, right: 12, top: 10, bottom: 22 }],
    xAxis: [{ id: rate, ...timeAxis(colours) }],
    yAxis: [{ id: rate, ...valueAxis(colours), minInterval: 1 }],
    series: [series],
  });
}

/** The busiest sites by planned part of capacity, in the order they were given. */
export function shownSites(sites: readonly Load[]): readonly Load[] {
  if (sites.length <= SITES_SHOWN_MAX) return sites;
  const part = (site: Load) => site.planned_mbps / Math.max(site.capacity_mbps, Number.MIN_VALUE);
  const busiest = new Set([...sites].sort((a, b) => part(b) - part(a)).slice(0, SITES_SHOWN_MAX));
  return sites.filter((site) => busiest.has(site));
}

export function sitesHeight(shown: number): number {
  return Math.ceil(shown / SITES_PER_ROW) * ROW_HEIGHT + 4;
}

/** One small chart per site, all on one scale of time, each on the scale of its own capacity. */
export function sitesOption(points: readonly Point[], sites: readonly Load[], colours: Palette): EChartsCoreOption {
  const times = { min: points[0]?.time_ms, max: points.at(-1)?.time_ms };
  return {
    ...timeChart(colours, {}),
    tooltip: {
      ...(timeChart(colours, {})['tooltip'] as object),
      formatter: (hovered: unknown) => siteTip(hovered),
    },
    title: sites.map((site, at) => ({ id: site.id, ...titleAt(at), ...titleOf(site, colours) })),
    grid: sites.map((site, at) => ({ id: site.id, ...gridAt(at) })),
    xAxis: sites.map((site, at) => ({ id: site.id, gridIndex: at, ...timeAxis(colours), ...times, ...noLabels })),
    yAxis: sites.map((site, at) => ({
      id: site.id,
      gridIndex: at,
      ...valueAxis(colours),
      max: Math.max(site.capacity_mbps * 1.1, 1),
      ...noLabels,
      splitLine: { show: false },
    })),
    series: sites.flatMap((site, at) => siteSeries(points, site, at, times, colours)),
  };
}

const noLabels = { axisLabel: { show: false } };
const MARGIN_PERCENT = 1;
const CELL_PERCENT = 100 / SITES_PER_ROW;

function titleAt(at: number) {
  return { left: `${(at % SITES_PER_ROW) * CELL_PERCENT + MARGIN_PERCENT / 2}%`, top: rowTop(at) };
}

function gridAt(at: number) {
  return {
    left: `${(at % SITES_PER_ROW) * CELL_PERCENT + MARGIN_PERCENT / 2}%`,
    width: `${CELL_PERCENT - MARGIN_PERCENT * 2}%`,
    top: rowTop(at) + 22,
    height: ROW_HEIGHT - 34,
  };
}

function rowTop(at: number): number {
  return Math.floor(at / SITES_PER_ROW) * ROW_HEIGHT;
}

function titleOf(site: Load, colours: Palette) {
  return {
    text: `{name|${site.id}}  {load|${mbps(site.planned_mbps)} of ${bitsPerSecond(site.capacity_mbps * 1e6)}}`,
    padding: 0,
    textStyle: {
      fontFamily: colours.font,
      rich: {
        name: { fontSize: 12, fontWeight: 600, color: colours.text },
        load: { fontSize: 11, fontWeight: 400, color: colours.muted },
      },
    },
  };
}

function siteSeries(
  points: readonly Point[],
  site: Load,
  at: number,
  times: { min: number | undefined; max: number | undefined },
  colours: Palette,
): LineSeriesOption[] {
  const axes = { xAxisIndex: at, yAxisIndex: at };
  const over = site.planned_mbps > site.capacity_mbps;
  const colour = over ? colours.down : colours.accent;
  return [
    {
      ...plainLine(`${site.id} planned`, colour),
      ...axes,
      // A plan holds until the next one: between them nothing slopes.
      step: 'end',
      name: site.id,
      areaStyle: { color: colour, opacity: 0.14 },
      data: points.map((point) => [point.time_ms, point.planned_mbps.get(site.id) ?? Number.NaN]),
    },
    {
      ...plainLine(`${site.id} capacity`, colours.muted),
      ...axes,
      name: 'capacity',
      lineStyle: { color: colours.muted, width: 1, type: 'dashed' },
      data: [times.min, times.max].map((time) => [time ?? 0, site.capacity_mbps]),
      silent: true,
      tooltip: { show: false },
    },
  ];
}

function plainLine(id: string, colour: string): LineSeriesOption {
  return { id, type: 'line', showSymbol: false, lineStyle: { color: colour, width: 1.5 }, itemStyle: { color: colour } };
}

interface Hovered {
  seriesName: string;
  value: [number, number];
}

function siteTip(hovered: unknown): HTMLElement | string {
  const planned = (hovered as Hovered[]).find((one) => one.seriesName !== 'capacity');
  if (!planned) return '';
  const [time_ms, value] = planned.value;
  return tooltipLines(`${planned.seriesName} at ${clockTime(time_ms)}`, [`${bitsPerSecond(value * 1e6)} planned`]);
}
