/** Client groups by domains: who is served from where. */

import { html, nothing, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import type { Demand, Estate, State } from '../daemon/schema.ts';
import { mbps } from '../format.ts';
import { hashOf, type Pair } from '../route.ts';
import { shareBar, sharesText, type SiteColours } from './share_bar.ts';

export function matrix(estate: Estate, state: State, colours: SiteColours, chosen?: Pair): TemplateResult {
  const demands = new Map(state.demand.map((demand) => [keyOf(demand), demand]));
  return html`<table class="data matrix">
    <thead>
      <tr>
        <th scope="col">Client group</th>
        ${estate.domains.map(
          (domain) => html`<th scope="col">
            ${domain.id} <span class="muted">≤ ${domain.latency_max_ms} ms</span>
          </th>`,
        )}
      </tr>
    </thead>
    <tbody>
      ${repeat(
        estate.groups,
        (group) => group.id,
        (group) => html`<tr>
          <th scope="row">${group.id}</th>
          ${estate.domains.map((domain) => {
            const pair = { group: group.id, domain: domain.id };
            return cell(pair, demands.get(keyOf(pair)), colours, chosen && keyOf(chosen) === keyOf(pair));
          })}
        </tr>`,
      )}
    </tbody>
  </table>`;
}

function keyOf({ group, domain }: Pair): string {
  return `${group}\n${domain}`;
}

function cell(pair: Pair, demand: Demand | undefined, colours: SiteColours, isChosen = false): TemplateResult {
  if (!demand) return html`<td class="muted">–</td>`;
  return html`<td>
    <a
      class="pair ${isChosen ? 'is-selected' : ''}"
      href=${hashOf({ view: 'plan', pair })}
      aria-current=${isChosen ? 'true' : nothing}
      aria-label="${pair.group}, ${pair.domain}: ${mbps(demand.mbps)} Mbit/s, ${sharesText(demand.shares)}"
    >
      ${shareBar(demand.shares, colours)}<span class="figure">${demand.mbps.toFixed(2)}</span>
    </a>
  </td>`;
}
