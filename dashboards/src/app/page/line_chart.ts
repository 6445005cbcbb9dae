/** What every chart over time has in common: no ornament, the theme's colours, a shared cursor. */

import type { EChartsCoreOption } from 'echarts/core';
import { clockTime } from '../format.ts';
import type { Palette } from './theme.ts';

/** Colours of series and sites; white text reads on all of them (4.5:1 and more), in both themes. */
export const SERIES_COLOURS: readonly string[] = [
  '#2468a8', '#b0561a', '#2c7a52', '#8c4391', '#1d7a8a', '#a8456b', '#6f6a1f', '#5a59b0', '#7c5537', '#56687a',
];

export function seriesColour(at: number): string {
  return SERIES_COLOURS[at % SERIES_COLOURS.length] ?? '#56687a';
}

export function timeChart(colours: Palette, rest: EChartsCoreOption): EChartsCoreOption {
  return {
    animation: false,
    textStyle: { fontFamily: colours.font, color: colours.muted },
    tooltip: {
      trigger: 'axis',
      confine: true,
      backgroundColor: colours.surface,
      borderColor: colours.line,
      textStyle: { color: colours.text, fontSize: 12, fontFamily: colours.font },
      axisPointer: { type: 'line', lineStyle: { color: colours.muted } },
    },
    ...rest,
  };
}

export function timeAxis(colours: Palette, splitNumber = 3): Record<string, unknown> {
  return {
    type: 'time',
    splitNumber,
    axisLine: { lineStyle: { color: colours.line } },
    axisTick: { show: false },
    axisLabel: { color: colours.muted, fontSize: 11, hideOverlap: true, formatter: clockTime },
    splitLine: { show: false },
  };
}

export function valueAxis(colours: Palette, splitNumber = 3): Record<string, unknown> {
  return {
    type: 'value',
    splitNumber,
    min: 0,
    axisLabel: { color: colours.muted, fontSize: 11 },
    splitLine: { lineStyle: { color: colours.line, opacity: 0.6 } },
  };
}
