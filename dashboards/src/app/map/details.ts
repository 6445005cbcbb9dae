/** What is known of the selected site, node, link or region. */

import { html, nothing, type TemplateResult } from 'lit-html';
import type { Estate, Health, Link, Node, Site, State } from '../daemon/schema.ts';
import { bitsPerSecond, mbps, percent } from '../format.ts';
import type { Live } from '../live/live.ts';
import { about } from '../live/timeline.ts';
import { healthWord } from '../page/health.ts';
import { hashOf, type Selection, type Subject, selectionHash } from '../route.ts';
import { timelineList } from '../traffic/timeline_list.ts';
import { loadMeter } from './cards.ts';
import type { DrainButtons } from './drain_buttons.ts';
import { flowsOf } from './flows.ts';

/** Enough to see who suffers; the plan view has all. */
const LARGEST_SHOWN = 6;
const HAPPENED_SHOWN = 8;

export function details(live: Live, selection: Selection, drains: DrainButtons): TemplateResult {
  const { estate, state } = live;
  if (!estate || !state) return html``;
  const content = contentOf(estate, state, selection, drains);
  return html`
    <header>
      <h2>${selection.subject} <strong>${selection.id}</strong></h2>
      <a class="close" href="#/map" aria-label="Close details">✕</a>
    </header>
    ${content ?? html`<p class="empty">The estate has no such ${selection.subject}.</p>`}
    ${content ? happened(live, selection) : nothing}
  `;
}

function contentOf(estate: Estate, state: State, { subject, id }: Selection, drains: DrainButtons) {
  switch (subject) {
    case 'site': {
      const site = estate.sites.find((one) => one.id === id);
      return site && siteDetails(estate, state, site, drains);
    }
    case 'node': {
      const node = estate.nodes.find((one) => one.id === id);
      return node && nodeDetails(estate, state, node, drains);
    }
    case 'link': {
      const link = estate.links.find((one) => one.id === id);
      return link && linkDetails(state, link);
    }
    case 'region':
      return estate.groups.some((group) => group.region === id) ? regionDetails(estate, state, id) : undefined;
  }
}

function siteDetails(estate: Estate, state: State, site: Site, drains: DrainButtons): TemplateResult {
  const nodes = estate.nodes.filter((node) => node.site === site.id);
  const load = state.sites.find((one) => one.id === site.id);
  const contract = state.contracts.find((one) => one.name === site.contract);
  const serves = nodes.some((node) => node.role === 'edge');
  return html`
    <dl>
      ${fact('Kind', site.kind)} ${fact('Region', site.region)} ${fact('Provider', site.provider)}
      ${fact('Contract', site.contract ?? 'none')}
      ${contract ? fact('Month to date', `${contract.month_to_date} ${contract.currency}`) : nothing}
      ${load ? fact('Planned', html`${mbps(load.planned_mbps)} of ${mbps(load.capacity_mbps)} Mbit/s`) : nothing}
    </dl>
    ${load ? loadMeter(load) : nothing}
    <h3>Nodes</h3>
    <ul class="plain">
      ${nodes.map((node) => html`<li>${reference('node', node.id)} ${node.role} ${healthWord(healthOf(state.nodes, node.id))}</li>`)}
    </ul>
    ${serves ? drains.draw(site.id, nodes, state) : nothing}
    ${serves ? largestDemands(state, site.id) : nothing}
  `;
}

function nodeDetails(estate: Estate, state: State, node: Node, drains: DrainButtons): TemplateResult {
  const links = estate.links.filter((link) => link.from === node.id || link.to === node.id);
  const isOut = state.plan?.out_of_service.includes(node.id) ?? false;
  return html`
    <dl>
      ${fact('Health', healthWord(healthOf(state.nodes, node.id)))} ${fact('Role', node.role)}
      ${fact('Site', reference('site', node.site))} ${fact('Capacity', bitsPerSecond(node.capacity_bps))}
      ${fact('In service', isOut ? 'no: the plan leaves it out' : 'yes')}
    </dl>
    ${drains.draw(node.id, [node], state)}
    <h3>Links</h3>
    <ul class="plain">
      ${links.map((link) => html`<li>${reference('link', link.id)} ${healthWord(healthOf(state.links, link.id))}</li>`)}
    </ul>
  `;
}

function linkDetails(state: State, link: Link): TemplateResult {
  return html`<dl>
    ${fact('Health', healthWord(healthOf(state.links, link.id)))} ${fact('From', reference('node', link.from))}
    ${fact('To', reference('node', link.to))} ${fact('Kind', link.kind)} ${fact('Provider', link.provider)}
    ${fact('Capacity', bitsPerSecond(link.capacity_bps))}
  </dl>`;
}

function regionDetails(estate: Estate, state: State, region: string): TemplateResult {
  const groups = estate.groups.filter((group) => group.region === region);
  const flows = flowsOf(estate, state).filter((flow) => flow.region === region);
  const total = flows.reduce((sum, flow) => sum + flow.mbps, 0);
  return html`
    <dl>${fact('Traffic', bitsPerSecond(total * 1e6))} ${fact('Client groups', String(groups.length))}</dl>
    <h3>Served by</h3>
    <ul class="plain">
      ${flows.reverse().map(
        (flow) => html`<li>
          ${reference('site', flow.site)}
          <span class="figure">${bitsPerSecond(flow.mbps * 1e6)}</span>
          <span class="figure muted">${percent(flow.mbps / total)}</span>
        </li>`,
      )}
    </ul>
    <h3>Client groups</h3>
    <ul class="plain">
      ${groups.map((group) => html`<li>${group.id} <span class="muted">${group.isp}</span></li>`)}
    </ul>
  `;
}

function largestDemands(state: State, site: string): TemplateResult | typeof nothing {
  const served = state.demand
    .map((demand) => ({ demand, mbps: demand.mbps * (demand.shares.find(([id]) => id === site)?.[1] ?? 0) }))
    .filter((one) => one.mbps > 0)
    .sort((a, b) => b.mbps - a.mbps);
  if (served.length === 0) return nothing;
  return html`
    <h3>Largest of ${served.length} demands</h3>
    <ul class="plain">
      ${served.slice(0, LARGEST_SHOWN).map(
        ({ demand, mbps: part }) => html`<li>
          <a href=${hashOf({ view: 'plan', pair: demand })}>${demand.group} · ${demand.domain}</a>
          <span class="figure">${mbps(part)}</span>
        </li>`,
      )}
    </ul>
  `;
}

function happened(live: Live, { id }: Selection): TemplateResult | typeof nothing {
  const nodes = live.estate?.nodes.filter((node) => node.site === id).map((node) => node.id) ?? [];
  const entries = about(live.timeline, new Set([id, ...nodes])).slice(0, HAPPENED_SHOWN);
  return entries.length > 0 ? html`<h3>Happened</h3>${timelineList(entries)}` : nothing;
}

function healthOf(seen: readonly { id: string; health: Health }[], id: string): Health {
  return seen.find((one) => one.id === id)?.health ?? 'unknown';
}

function reference(subject: Subject, id: string): TemplateResult {
  return html`<a href=${selectionHash(subject, id)}>${id}</a>`;
}

function fact(name: string, value: unknown): TemplateResult {
  return html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
}
