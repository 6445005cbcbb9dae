/** Why one pair is served as it is: every site that was looked at, and what ruled it out. */

import { html, nothing, type TemplateResult } from 'lit-html';
import type { Demand, Domain, State } from '../daemon/schema.ts';
import { bitsPerSecond, percent } from '../format.ts';
import { hashOf, type Pair, selectionHash } from '../route.ts';
import { type Candidate, candidatesOf, reasonOf, reportQuery } from './report.ts';
import type { Asked } from './reports_asked.ts';
import { shareBar, sharesText, type SiteColours } from './share_bar.ts';

export interface Explained {
  pair: Pair;
  demand: Demand | undefined;
  domain: Domain | undefined;
  asked: Asked;
}

export function explanation(explained: Explained, state: State, colours: SiteColours): TemplateResult {
  const { pair, demand, domain, asked } = explained;
  if (!demand || !domain) return html`<p class="empty">There is no demand of ${pair.group} for ${pair.domain}.</p>`;
  const report = asked.phase === 'told' ? asked.report : undefined;
  const candidates = report?.candidates ?? candidatesOf(demand);
  return html`
    <header>
      <h2>${pair.group} <span aria-hidden="true">→</span> ${pair.domain}</h2>
      <a class="close" href="#/plan" aria-label="Close explanation">✕</a>
    </header>
    <dl>
      <div><dt>Demand</dt><dd>${bitsPerSecond(demand.mbps * 1e6)}</dd></div>
      <div><dt>Latency objective</dt><dd>≤ ${domain.latency_max_ms} ms</dd></div>
      <div><dt>In force</dt><dd>${sharesText(demand.shares)}</dd></div>
    </dl>
    ${shareBar(demand.shares, colours)} ${source(asked, state)}
    ${asked.phase === 'asking' ? nothing : candidatesTable(candidates, domain, colours)}
    <p><a href=${hashOf({ view: 'sql', sql: reportQuery(pair) })}>Open as SQL</a></p>
  `;
}

function source(asked: Asked, state: State): TemplateResult {
  if (asked.phase === 'asking') return html`<p class="muted" role="status">Asking for the plan’s report…</p>`;
  if (asked.phase === 'failed') {
    return html`<p class="notice" role="status">Only the shares are known: ${asked.why}.</p>`;
  }
  if (!asked.report) return html`<p class="notice" role="status">Only the shares are known: no plan reported this pair.</p>`;
  const { plan } = asked.report;
  if (plan === state.plan?.number) return html`<p class="muted">As weighed by plan ${plan}, the one in force.</p>`;
  if (state.plan?.reason === 'planned') {
    return html`<p class="muted">As weighed by plan ${plan}; the report of the one in force follows.</p>`;
  }
  return html`<p class="muted">
    As last weighed by plan ${plan}. Plan ${state.plan?.number} (${state.plan?.reason}), in force, was derived without
    weighing candidates anew.
  </p>`;
}

function candidatesTable(candidates: readonly Candidate[], domain: Domain, colours: SiteColours): TemplateResult {
  return html`<table class="data candidates">
    <thead>
      <tr>
        <th scope="col">Site</th>
        <th scope="col" class="figure">Share</th>
        <th scope="col" class="figure">Latency ms</th>
        <th scope="col" class="figure" title="one more Mbit/s for a month, shadow prices of full sites included">
          Marginal cost
        </th>
        <th scope="col">Verdict</th>
      </tr>
    </thead>
    <tbody>
      ${candidates.map((candidate) => candidateRow(candidate, domain, colours))}
    </tbody>
  </table>`;
}

function candidateRow(candidate: Candidate, domain: Domain, colours: SiteColours): TemplateResult {
  const { site, verdict, share, latency_ms, marginal_cost } = candidate;
  const isChosen = verdict === 'chosen';
  const isFar = latency_ms !== undefined && latency_ms > domain.latency_max_ms;
  return html`<tr class=${isChosen ? 'is-chosen' : ''}>
    <th scope="row">
      <span class="swatch" style="background:${colours.get(site) ?? 'none'}"></span
      ><a href=${selectionHash('site', site)}>${site}</a>
    </th>
    <td class="figure">${isChosen ? percent(share) : '–'}</td>
    <td class="figure ${isFar ? 'is-bad' : ''}" title=${isFar ? 'beyond the objective' : nothing}>
      ${latency_ms?.toFixed(1) ?? '–'}${isFar ? ' !' : ''}
    </td>
    <td class="figure">${marginal_cost?.toFixed(3) ?? '–'}</td>
    <td><strong>${verdict.replaceAll('_', ' ')}</strong><span class="why">${reasonOf(verdict)}</span></td>
  </tr>`;
}
