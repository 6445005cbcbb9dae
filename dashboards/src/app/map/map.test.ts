import { expect, test } from 'vitest';
import type { Seen } from '../daemon/schema.ts';
import { estate, stateAt } from '../live/sample.ts';
import { flowCurves, linkCurves } from './curves.ts';
import { flowsOf, sumsBy } from './flows.ts';
import { type Box, layoutOf } from './layout.ts';

const layout = layoutOf(estate, 900);
const state = stateAt(0);
const flows = flowsOf(estate, state);

test('flows are shares summed by region and site, and nothing is lost', () => {
  expect(flows).toEqual([
    { region: 'north', site: 'ams', mbps: 1 },
    { region: 'south', site: 'fra', mbps: 2 },
    { region: 'north', site: 'fra', mbps: 6 },
  ]);
  expect(Object.fromEntries(sumsBy(flows, 'site'))).toEqual({ ams: 1, fra: 8 });
});

test('everything has a place, inside the map, and nothing overlaps', () => {
  const boxes: Box[] = [...layout.regions, ...layout.providers, ...layout.cards];
  expect(layout.regions.map((placed) => placed.region)).toEqual(['north', 'south']);
  expect(layout.cards.map((card) => `${card.site.id} ${card.role}`)).toEqual(['fra edge', 'ams edge', 'core mid', 'core origin']);
  for (const box of boxes) {
    expect(box.x).toBeGreaterThanOrEqual(0);
    expect(box.x + box.width).toBeLessThanOrEqual(900);
    expect(box.y + box.height).toBeLessThanOrEqual(layout.height + 0.01);
    expect(boxes.filter((other) => overlap(box, other))).toEqual([box]);
  }
});

test('every node has a port in its card', () => {
  for (const card of layout.cards) {
    for (const node of card.nodes) {
      const port = layout.ports.get(node.id);
      expect(port?.y).toBeGreaterThan(card.y);
      expect(port?.y).toBeLessThan(card.y + card.height);
    }
  }
});

test('bands of flows stay inside their boxes and are as wide as their traffic', () => {
  const curves = flowCurves(flows, layout);
  const [small, , large] = curves;
  expect((large?.width ?? 0) / (small?.width ?? 1)).toBeCloseTo(6);
  for (const curve of curves) {
    const region = layout.regions.find((placed) => placed.region === curve.flow.region);
    expect(curve.y1 - curve.width / 2).toBeGreaterThanOrEqual(region?.y ?? Infinity);
    expect(curve.y1 + curve.width / 2).toBeLessThanOrEqual((region?.y ?? 0) + (region?.height ?? 0));
  }
});

test('a selection fades what does not concern it', () => {
  const shown = (subject: 'site' | 'region' | 'node', id: string) => ({
    flows: flowCurves(flows, layout, { subject, id }).filter((one) => !one.isFaded).map((one) => one.flow.site),
    links: linkCurves(estate, state, layout, { subject, id }).filter((one) => !one.isFaded).map((one) => one.link.id),
  });
  expect(shown('site', 'ams')).toEqual({ flows: ['ams'], links: ['edge-2-mid-1'] });
  expect(shown('node', 'edge-1')).toEqual({ flows: ['fra', 'fra'], links: ['edge-1-mid-1'] });
  expect(shown('region', 'south')).toEqual({ flows: ['fra'], links: [] });
});

test('a link whose end is down says so, and broken links are drawn last', () => {
  const nodes: Seen[] = state.nodes.map((node) => (node.id === 'edge-1' ? { ...node, health: 'down' } : node));
  const links: Seen[] = state.links.map((link) => (link.id === 'edge-2-mid-1' ? { ...link, health: 'down' } : link));
  const curves = linkCurves(estate, { ...state, nodes, links }, layout);
  expect(curves.find((one) => one.link.id === 'edge-1-mid-1')).toMatchObject({ health: 'up', deadEnd: 'edge-1' });
  expect(curves.at(-1)?.link.id).toBe('edge-2-mid-1');
});

function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}
