/** What contracts stand at this month. */

import { html, nothing, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import type { Contract, Estate } from '../daemon/schema.ts';
import { count, mbps, money } from '../format.ts';
import { selectionHash } from '../route.ts';

const HEADINGS: readonly [heading: string, meaning: string][] = [
  ['Month to date', 'what this month’s usage costs so far'],
  ['Forecast', 'what the month will cost if usage goes on like this'],
  ['Headroom Mbit/s', 'traffic that can be added now without making the bill larger'],
  ['Free slots', '5-minute slots left that may exceed the percentile without being charged'],
];

export function contractsTable(contracts: readonly Contract[], estate: Estate): TemplateResult {
  if (contracts.length === 0) return html`<p class="empty">No contract has a standing yet.</p>`;
  return html`<table class="data">
    <thead>
      <tr>
        <th scope="col">Contract</th>
        <th scope="col">Billed by</th>
        <th scope="col">Sites</th>
        ${HEADINGS.map(([heading, meaning]) => html`<th scope="col" class="figure" title=${meaning}>${heading}</th>`)}
        <th scope="col">Currency</th>
      </tr>
    </thead>
    <tbody>
      ${repeat(
        contracts,
        (contract) => contract.name,
        (contract) => contractRow(contract, estate),
      )}
    </tbody>
  </table>`;
}

function contractRow(contract: Contract, estate: Estate): TemplateResult {
  const sites = estate.sites.filter((site) => site.contract === contract.name);
  const grows = Number(contract.forecast) > Number(contract.month_to_date);
  return html`<tr>
    <th scope="row">${contract.name}</th>
    <td>${contract.kind.replaceAll('_', ' ')}</td>
    <td>${sites.map((site) => html`<a href=${selectionHash('site', site.id)}>${site.id}</a> `)}</td>
    <td class="figure">${money(contract.month_to_date)}</td>
    <td class="figure ${grows ? 'is-growing' : ''}">${money(contract.forecast)}${grows ? html`<span title="more than to date"> ↑</span>` : nothing}</td>
    <td class="figure">${mbps(contract.headroom_mbps)}</td>
    <td class="figure">${count(contract.free_slots)}</td>
    <td>${contract.currency}</td>
  </tr>`;
}
