/** The lines of the map as an ECharts option. Cards above it are elements: they can have focus. */

import type { CustomSeriesOption } from 'echarts/charts';
import type { EChartsCoreOption } from 'echarts/core';
import type { Health } from '../daemon/schema.ts';
import { bitsPerSecond } from '../format.ts';
import { tooltipLines } from '../page/chart.ts';
import type { Palette } from '../page/theme.ts';
import type { Curve, FlowCurve, LinkCurve } from './curves.ts';

export const LINKS = 'links';
export const FLOWS = 'flows';

/** Dashes say what colours say, to those who do not see them. */
const DASHES: Record<Health, number[] | undefined> = {
  up: undefined,
  degraded: [7, 3],
  down: [3, 4],
  unknown: [1, 4],
};

export function graphOption(flows: FlowCurve[], links: LinkCurve[], colours: Palette): EChartsCoreOption {
  return {
    animation: false,
    tooltip: {
      trigger: 'item',
      confine: true,
      backgroundColor: colours.surface,
      borderColor: colours.line,
      textStyle: { color: colours.text, fontSize: 12, fontFamily: colours.font },
    },
    series: [flowSeries(flows, colours), linkSeries(links, colours)],
  };
}

function flowSeries(flows: FlowCurve[], colours: Palette): CustomSeriesOption {
  return {
    ...drawn(FLOWS, flows),
    renderItem: ({ dataIndex }) =>
      line(flows[dataIndex], {
        stroke: colours.flow,
        lineWidth: flows[dataIndex]?.width ?? 0,
        opacity: flows[dataIndex]?.isFaded ? 0.08 : 0.42,
      }),
    tooltip: { formatter: (hovered) => flowTip(flows[(hovered as { dataIndex: number }).dataIndex]) },
  };
}

function linkSeries(links: LinkCurve[], colours: Palette): CustomSeriesOption {
  return {
    ...drawn(LINKS, links),
    renderItem: ({ dataIndex }) => {
      const link = links[dataIndex];
      return link ? line(link, linkStyle(link, colours)) : null;
    },
    tooltip: { formatter: (hovered) => linkTip(links[(hovered as { dataIndex: number }).dataIndex]) },
  };
}

function linkStyle({ health, deadEnd, isFaded }: LinkCurve, colours: Palette): Record<string, unknown> {
  const isWell = health === 'up';
  return {
    stroke: isWell && deadEnd ? colours.unknown : colours[health],
    lineWidth: isWell ? 1.4 : 2.2,
    lineDash: DASHES[isWell && deadEnd ? 'unknown' : health],
    opacity: isFaded ? 0.12 : isWell ? 0.65 : 1,
  };
}

/** Coordinates are the map's pixels already, so the series has no system of its own. */
function drawn(id: string, curves: readonly Curve[]): CustomSeriesOption {
  return { id, type: 'custom', coordinateSystem: 'none', data: curves.map((_, at) => [at]), silent: false };
}

type Item = ReturnType<NonNullable<CustomSeriesOption['renderItem']>>;

function line(curve: Curve | undefined, style: Record<string, unknown>): Item {
  if (!curve) return null;
  const { x1, y1, x2, y2, cpx1, cpx2 } = curve;
  return {
    type: 'bezierCurve',
    shape: { x1, y1, x2, y2, cpx1, cpy1: y1, cpx2, cpy2: y2 },
    style: { fill: 'none', ...style },
    emphasis: { style: { opacity: 1 } },
  } as Item;
}

function flowTip(curve: FlowCurve | undefined): HTMLElement | string {
  if (!curve) return '';
  const { region, site, mbps } = curve.flow;
  return tooltipLines(`${region} → ${site}`, [`${bitsPerSecond(mbps * 1e6)} planned`]);
}

function linkTip(curve: LinkCurve | undefined): HTMLElement | string {
  if (!curve) return '';
  const { link, health, deadEnd } = curve;
  return tooltipLines(`${link.from} → ${link.to}: ${health}`, [
    `${link.kind} of ${link.provider}`,
    `${bitsPerSecond(link.capacity_bps)} capacity`,
    ...(deadEnd ? [`nothing flows: ${deadEnd} is down`] : []),
  ]);
}
