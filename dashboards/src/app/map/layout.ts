/** Where everything stands on the estate map. Pure: the estate and a width in, boxes and points out. */

import type { Estate, Node, Role, Site } from '../daemon/schema.ts';

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface PlacedRegion extends Box {
  region: string;
}

/** A site's nodes of one role: a site with mids and origins has a card in both columns. */
export interface PlacedCard extends Box {
  site: Site;
  role: Role;
  nodes: Node[];
}

export interface PlacedText extends Box {
  text: string;
}

export interface EstateLayout {
  height: number;
  titles: PlacedText[];
  regions: PlacedRegion[];
  providers: PlacedText[];
  cards: PlacedCard[];
  /** Of every node: the middle of its row, and the edges of its card. */
  ports: Map<string, { left: number; right: number; y: number; column: number }>;
}

const TITLE_HEIGHT = 26;
const PROVIDER_HEIGHT = 20;
const REGION_HEIGHT = 44;
/** Lines up with the style: a header line, for edges a load bar, a line per node, padding. */
const CARD_HEAD = 26;
const CARD_LOAD = 10;
export const NODE_ROW = 20;
const CARD_PADDING = 6;
const GAP = 7;
/** Short columns are spread, but not so far that neighbours look like strangers. */
const GAP_MAX = 90;
const COLUMN_WIDTHS = [112, 196, 150, 150];
const COLUMN_TITLES = ['Users, Mbit/s', 'Edges, Mbit/s of capacity', 'Mids', 'Origins'];
const ROLES: readonly Role[] = ['edge', 'mid', 'origin'];

interface Item {
  height: number;
  place(box: Box): void;
}

/** Lays out `estate` in columns over `width` pixels: users, edges, mids, origins. */
export function layoutOf(estate: Estate, width: number): EstateLayout {
  const layout: EstateLayout = { height: 0, titles: [], regions: [], providers: [], cards: [], ports: new Map() };
  const columns = [regionItems(estate, layout), ...ROLES.map((role, at) => roleItems(estate, role, at + 1, layout))];
  const tallest = Math.max(...columns.map((items) => stackHeight(items, GAP)));
  layout.height = TITLE_HEIGHT + tallest;
  const xs = columnXs(width);
  columns.forEach((items, at) => {
    const frame = { x: xs[at] ?? 0, width: COLUMN_WIDTHS[at] ?? 0 };
    layout.titles.push({ ...frame, y: 0, height: TITLE_HEIGHT, text: COLUMN_TITLES[at] ?? '' });
    stack(items, frame, tallest);
  });
  return layout;
}

function columnXs(width: number): number[] {
  const taken = COLUMN_WIDTHS.reduce((sum, one) => sum + one, 0);
  const gap = Math.max(24, (width - taken) / (COLUMN_WIDTHS.length - 1));
  let x = 0;
  return COLUMN_WIDTHS.map((one) => {
    const left = x;
    x += one + gap;
    return left;
  });
}

function regionItems(estate: Estate, layout: EstateLayout): Item[] {
  const regions = [...new Set(estate.groups.map((group) => group.region))];
  return regions.map((region) => ({
    height: REGION_HEIGHT,
    place: (box) => layout.regions.push({ ...box, region }),
  }));
}

function roleItems(estate: Estate, role: Role, column: number, layout: EstateLayout): Item[] {
  return estate.providers.flatMap((provider) => {
    const sites = estate.sites.filter((site) => site.provider === provider);
    const cards = sites.flatMap((site) => {
      const nodes = estate.nodes.filter((node) => node.site === site.id && node.role === role);
      return nodes.length > 0 ? [cardItem(site, role, nodes, column, layout)] : [];
    });
    return cards.map((card, at) => (at === 0 ? underProvider(provider, card, layout) : card));
  });
}

/** One item, so that however columns are spread, a provider's name stays with its first card. */
function underProvider(provider: string, card: Item, layout: EstateLayout): Item {
  return {
    height: PROVIDER_HEIGHT + card.height,
    place(box) {
      layout.providers.push({ ...box, height: PROVIDER_HEIGHT, text: provider });
      card.place({ ...box, y: box.y + PROVIDER_HEIGHT, height: card.height });
    },
  };
}

function cardItem(site: Site, role: Role, nodes: Node[], column: number, layout: EstateLayout): Item {
  const head = CARD_HEAD + (role === 'edge' ? CARD_LOAD : 0);
  return {
    height: head + nodes.length * NODE_ROW + CARD_PADDING,
    place(box) {
      layout.cards.push({ ...box, site, role, nodes });
      nodes.forEach((node, row) => {
        const y = box.y + head + (row + 0.5) * NODE_ROW;
        layout.ports.set(node.id, { left: box.x, right: box.x + box.width, y, column });
      });
    },
  };
}

function stackHeight(items: readonly Item[], gap: number): number {
  return items.reduce((sum, item) => sum + item.height, 0) + gap * Math.max(0, items.length - 1);
}

/** Puts items below each other, spread over `height` and in its middle. */
function stack(items: readonly Item[], frame: { x: number; width: number }, height: number): void {
  const free = height - stackHeight(items, 0);
  const gap = Math.min(GAP_MAX, free / Math.max(1, items.length - 1));
  let y = TITLE_HEIGHT + Math.max(0, (height - stackHeight(items, gap)) / 2);
  for (const item of items) {
    item.place({ ...frame, y, height: item.height });
    y += item.height + gap;
  }
}
