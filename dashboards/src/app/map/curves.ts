/** Lines of the map: flows of users to sites, links between nodes. Pure but for colours given. */

import type { Estate, Health, Link, State } from '../daemon/schema.ts';
import type { Selection } from '../route.ts';
import { type Flow, sumsBy } from './flows.ts';
import type { Box, EstateLayout } from './layout.ts';

export interface Curve {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
  /** Control points; a straight pair of columns makes an S, one column makes a bow. */
  cpx1: number;
  cpx2: number;
}

export interface FlowCurve extends Curve {
  flow: Flow;
  width: number;
  isFaded: boolean;
}

export interface LinkCurve extends Curve {
  link: Link;
  health: Health;
  /** The node at one of its ends that is down: whatever the link's own health, nothing flows. */
  deadEnd: string | undefined;
  isFaded: boolean;
}

/** Room that cards keep free above and below the flows at their side. */
const FLOW_MARGIN = 5;
const BOW = 46;

/** Flows as bands, stacked at both ends without overlap: everywhere as wide as their traffic. */
export function flowCurves(flows: readonly Flow[], layout: EstateLayout, selection?: Selection): FlowCurve[] {
  const regions = new Map(layout.regions.map((placed) => [placed.region, placed]));
  const sites = new Map(layout.cards.filter((card) => card.role === 'edge').map((card) => [card.site.id, card]));
  const shown = flows.filter((flow) => regions.has(flow.region) && sites.has(flow.site));
  const width = Math.min(widthPerMbps(sumsBy(shown, 'region'), regions), widthPerMbps(sumsBy(shown, 'site'), sites));
  const starts = stacked(shown, 'region', 'site', regions, sites, width);
  const ends = stacked(shown, 'site', 'region', sites, regions, width);
  return shown.flatMap((flow) => {
    const [from, to] = [regions.get(flow.region), sites.get(flow.site)];
    if (!from || !to) return [];
    const line = curve(from.x + from.width, starts.get(flow) ?? 0, to.x, ends.get(flow) ?? 0);
    const isFaded = !concernsFlow(flow, to.nodes, selection);
    return [{ ...line, flow, width: Math.max(0.5, flow.mbps * width), isFaded }];
  });
}

/** As wide as the fullest box allows. */
function widthPerMbps(sums: ReadonlyMap<string, number>, boxes: ReadonlyMap<string, Box>): number {
  const widths = [...sums].map(([id, mbps]) => ((boxes.get(id)?.height ?? 0) - 2 * FLOW_MARGIN) / mbps);
  return Math.min(...widths);
}

/** Where each flow meets the box at its end `near`: in the order of their other ends, around the middle. */
function stacked(
  flows: readonly Flow[],
  near: 'region' | 'site',
  far: 'region' | 'site',
  nearBoxes: ReadonlyMap<string, Box>,
  farBoxes: ReadonlyMap<string, Box>,
  width: number,
): Map<Flow, number> {
  const sums = sumsBy(flows, near);
  const tops = new Map<string, number>();
  const middles = new Map<Flow, number>();
  const downwards = [...flows].sort((a, b) => (farBoxes.get(a[far])?.y ?? 0) - (farBoxes.get(b[far])?.y ?? 0));
  for (const flow of downwards) {
    const id = flow[near];
    const box = nearBoxes.get(id);
    if (!box) continue;
    const top = tops.get(id) ?? box.y + (box.height - (sums.get(id) ?? 0) * width) / 2;
    middles.set(flow, top + (flow.mbps * width) / 2);
    tops.set(id, top + flow.mbps * width);
  }
  return middles;
}

export function linkCurves(estate: Estate, state: State, layout: EstateLayout, selection?: Selection): LinkCurve[] {
  const healths = new Map(state.links.map((link) => [link.id, link.health]));
  const dead = new Set(state.nodes.filter((node) => node.health === 'down').map((node) => node.id));
  const sites = new Map(estate.nodes.map((node) => [node.id, node.site]));
  const curves = estate.links.flatMap((link) => {
    const line = linkLine(link, layout);
    if (!line) return [];
    const deadEnd = [link.from, link.to].find((end) => dead.has(end));
    const isFaded = !concernsLink(link, sites, selection);
    return [{ ...line, link, health: healths.get(link.id) ?? 'unknown', deadEnd, isFaded }];
  });
  // What is broken is drawn over what is well.
  return curves.sort((a, b) => Number(a.health === 'down') - Number(b.health === 'down'));
}

function linkLine(link: Link, { ports }: EstateLayout): Curve | undefined {
  const [from, to] = [ports.get(link.from), ports.get(link.to)];
  if (!from || !to) return undefined;
  if (from.column === to.column) return bow(from.right, from.y, to.y);
  return from.column < to.column
    ? curve(from.right, from.y, to.left, to.y)
    : curve(from.left, from.y, to.right, to.y);
}

function curve(x1: number, y1: number, x2: number, y2: number): Curve {
  const middle = (x1 + x2) / 2;
  return { x1, y1, x2, y2, cpx1: middle, cpx2: middle };
}

function bow(x: number, y1: number, y2: number): Curve {
  return { x1: x, y1, x2: x, y2, cpx1: x + BOW, cpx2: x + BOW };
}

function concernsFlow(flow: Flow, nodes: readonly { id: string }[], selection?: Selection): boolean {
  switch (selection?.subject) {
    case 'region':
      return flow.region === selection.id;
    case 'site':
      return flow.site === selection.id;
    case 'node':
      return nodes.some((node) => node.id === selection.id);
    case 'link':
      return false;
    default:
      return true;
  }
}

function concernsLink(link: Link, sites: ReadonlyMap<string, string>, selection?: Selection): boolean {
  switch (selection?.subject) {
    case 'link':
      return link.id === selection.id;
    case 'node':
      return link.from === selection.id || link.to === selection.id;
    case 'site':
      return sites.get(link.from) === selection.id || sites.get(link.to) === selection.id;
    case 'region':
      return false;
    default:
      return true;
  }
}
