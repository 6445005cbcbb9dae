/** The standing parts of the map: regions, sites, nodes. All are links, so a keyboard reaches them. */

import { html, nothing, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import type { Health, Load, Node } from '../daemon/schema.ts';
import { bitsPerSecond, mbps, percent } from '../format.ts';
import { healthMark } from '../page/health.ts';
import { type Selection, type Subject, selectionHash } from '../route.ts';
import type { Box, EstateLayout, PlacedCard, PlacedRegion } from './layout.ts';

/** What cards show of the state, by id. */
export interface Shown {
  healths: ReadonlyMap<string, Health>;
  loads: ReadonlyMap<string, Load>;
  regionMbps: ReadonlyMap<string, number>;
  outOfService: ReadonlySet<string>;
  selection: Selection | undefined;
}

export function cards(layout: EstateLayout, shown: Shown): TemplateResult {
  const largest = Math.max(...shown.regionMbps.values(), Number.MIN_VALUE);
  return html`
    ${layout.titles.map((title) => html`<h2 class="column-title" style=${at(title)}>${title.text}</h2>`)}
    ${layout.providers.map((title) => html`<div class="provider" style=${at(title)}>${title.text}</div>`)}
    ${repeat(
      layout.regions,
      ({ region }) => region,
      (placed) => regionCard(placed, shown, largest),
    )}
    ${repeat(
      layout.cards,
      ({ site, role }) => `${site.id} ${role}`,
      (placed) => siteCard(placed, shown),
    )}
  `;
}

function at({ x, y, width, height }: Box): string {
  return `left:${x}px;top:${y}px;width:${width}px;height:${height}px`;
}

function isSelected(shown: Shown, subject: Subject, id: string): boolean {
  return shown.selection?.subject === subject && shown.selection.id === id;
}

function regionCard(placed: PlacedRegion, shown: Shown, largest: number): TemplateResult {
  const { region } = placed;
  const traffic = shown.regionMbps.get(region) ?? 0;
  const selected = isSelected(shown, 'region', region);
  return html`<a
    class="card region ${selected ? 'is-selected' : ''}"
    style=${at(placed)}
    href=${selectionHash('region', region)}
    aria-current=${selected ? 'true' : nothing}
    aria-label="region ${region}, ${bitsPerSecond(traffic * 1e6)}"
  >
    <span class="name">${region}</span><span class="figure">${mbps(traffic)}</span>
    <span class="meter is-flow"><span style="width:${(traffic / largest) * 100}%"></span></span>
  </a>`;
}

function siteCard(placed: PlacedCard, shown: Shown): TemplateResult {
  const { site, role, nodes } = placed;
  const healths = nodes.map((node) => shown.healths.get(node.id) ?? 'unknown');
  const isDown = healths.every((health) => health === 'down');
  const isOut = nodes.every((node) => shown.outOfService.has(node.id));
  const selected = isSelected(shown, 'site', site.id);
  const load = role === 'edge' ? shown.loads.get(site.id) : undefined;
  return html`<section
    class="card site ${isDown ? 'is-down' : ''} ${isOut ? 'is-out' : ''} ${selected ? 'is-selected' : ''}"
    style=${at(placed)}
    data-site=${site.id}
    aria-label="site ${site.id}, ${role}"
  >
    <a class="head" href=${selectionHash('site', site.id)} aria-current=${selected ? 'true' : nothing}>
      <span class="name">${site.id}</span><span class="muted">${site.kind}</span>
      ${load ? html`<span class="figure">${mbps(load.planned_mbps)} / ${mbps(load.capacity_mbps)}</span>` : nothing}
    </a>
    ${load ? loadMeter(load) : nothing}
    <ul>
      ${nodes.map((node) => nodeRow(node, shown))}
    </ul>
  </section>`;
}

/** Plans fill sites to about nine tenths on purpose; what is above deserves a look. */
const LOAD_HIGH = 0.95;
const LOAD_FULL = 1;

export function loadMeter(load: Load): TemplateResult {
  const part = load.capacity_mbps > 0 ? load.planned_mbps / load.capacity_mbps : 0;
  const level = part > LOAD_FULL ? 'is-over' : part >= LOAD_HIGH ? 'is-high' : '';
  const label = `planned load of ${load.id}: ${percent(part)} of capacity`;
  return html`<span class="meter ${level}" role="img" aria-label=${label} title=${label}
    ><span style="width:${Math.min(100, part * 100)}%"></span
  ></span>`;
}

function nodeRow(node: Node, shown: Shown): TemplateResult {
  const health = shown.healths.get(node.id) ?? 'unknown';
  const isOut = shown.outOfService.has(node.id);
  const selected = isSelected(shown, 'node', node.id);
  return html`<li>
    <a
      class="node is-${health} ${selected ? 'is-selected' : ''}"
      href=${selectionHash('node', node.id)}
      aria-current=${selected ? 'true' : nothing}
      data-node=${node.id}
      data-health=${health}
    >
      ${healthMark(health)}<span class="name">${node.id}</span>
      ${health === 'up' ? nothing : html`<span class="word" aria-hidden="true">${health}</span>`}
      ${isOut ? html`<span class="tag is-out">out</span>` : nothing}
    </a>
  </li>`;
}
