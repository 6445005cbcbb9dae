/** The plan in force, and why it is so. */

import { html, type TemplateResult } from 'lit-html';
import { guard } from 'lit-html/directives/guard.js';
import type { Estate, State } from '../daemon/schema.ts';
import { age } from '../format.ts';
import type { Redraw, View } from '../page/view.ts';
import type { Pair } from '../route.ts';
import { explanation } from './explanation.ts';
import { matrix } from './matrix.ts';
import { reportsAsked } from './reports_asked.ts';
import { siteColours } from './share_bar.ts';

export function planView(redraw: Redraw): View {
  const reports = reportsAsked(redraw);
  return {
    name: 'plan',
    title: 'Plan',
    draw({ estate, state }, route) {
      if (!estate || !state) return html``;
      const pair = route.view === 'plan' ? route.pair : undefined;
      const colours = siteColours(estate.sites.filter((site) => servesUsers(estate, site.id)));
      return html`
        <section class="panel matrix-panel" aria-label="Shares by client group and domain">
          ${standing(state)}
          ${guard([state.demand, estate, pair?.group, pair?.domain], () => matrix(estate, state, colours, pair))}
        </section>
        <aside class="panel explanation" aria-label="Explanation">
          ${pair ? explanation(explained(estate, state, pair), state, colours) : unchosen()}
        </aside>
      `;
    },
  };

  function explained(estate: Estate, state: State, pair: Pair) {
    return {
      pair,
      demand: state.demand.find((demand) => demand.group === pair.group && demand.domain === pair.domain),
      domain: estate.domains.find((domain) => domain.id === pair.domain),
      asked: reports.asked(pair, state),
    };
  }
}

function servesUsers(estate: Estate, site: string): boolean {
  return estate.nodes.some((node) => node.site === site && node.role === 'edge');
}

function standing({ plan, time_ms }: State): TemplateResult {
  if (!plan) return html`<p class="empty">There is no plan yet.</p>`;
  const cost = plan.cost === null ? '' : `, cost ${plan.cost.toFixed(2)}`;
  return html`<h2>
    Plan ${plan.number} <span class="muted">${plan.reason}, ${age(time_ms - plan.made_at_ms)} ago, ${plan.split_pairs}
    pairs split${cost}. Bars: shares by site; figures: Mbit/s.</span>
  </h2>`;
}

function unchosen(): TemplateResult {
  return html`<header><h2>Why</h2></header>
    <p class="muted">Choose a client group’s bar to see every site the plan looked at for it, and what ruled it out.</p>`;
}
