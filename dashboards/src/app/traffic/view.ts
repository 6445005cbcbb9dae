/** Traffic, cost and faults: what flows, what it costs, and what happens when something breaks. */

import { html, type TemplateResult } from 'lit-html';
import { guard } from 'lit-html/directives/guard.js';
import type { State } from '../daemon/schema.ts';
import type { History } from '../live/history.ts';
import type { Live } from '../live/live.ts';
import { chart } from '../page/chart.ts';
import { palette } from '../page/theme.ts';
import type { Redraw, View } from '../page/view.ts';
import { rateOption, shownSites, sitesHeight, sitesOption } from './charts.ts';
import { contractsTable } from './contracts.ts';
import type { EarlierButton } from './earlier_button.ts';
import { faultForm } from './fault_form.ts';
import { timelineList } from './timeline_list.ts';

export function trafficView(redraw: Redraw, earlier: EarlierButton): View {
  const faults = faultForm(redraw);
  return {
    name: 'traffic',
    title: 'Traffic & cost',
    draw(live) {
      const { estate, state, history } = live;
      if (!estate || !state) return html``;
      return html`
        <div class="charts">
          ${rates(history, state)} ${sites(history, state)}
          <section class="panel contracts" aria-labelledby="contracts-title">
            <h2 id="contracts-title">Contracts</h2>
            ${contractsTable(state.contracts, estate)}
          </section>
        </div>
        <div class="side">
          ${faults.draw(estate, state)}
          <section class="panel happenings" aria-labelledby="timeline-title">
            <h2 id="timeline-title">Findings and plans</h2>
            ${happenings(live)} ${earlier()}
          </section>
        </div>
      `;
    },
  };
}

function happenings(live: Live): TemplateResult {
  const { timeline, missed } = live;
  const note = missed > 0 ? html`<p class="muted">${missed} events were missed; SQL has them.</p>` : '';
  if (timeline.length === 0) return html`${note}<p class="empty">Nothing happened since this page was loaded.</p>`;
  return html`${note}${guard([timeline], () => timelineList(timeline))}`;
}

function rates(history: History, state: State): TemplateResult {
  if (state.requests === 0) {
    return html`<section class="panel wide">
      <h2>Requests</h2>
      <p class="empty">Only a demo counts its users’ requests; SQL has what receivers were sent.</p>
    </section>`;
  }
  const colours = palette();
  const latest = history.points.at(-1);
  const now = (rate: number | undefined) => (rate === undefined || Number.isNaN(rate) ? '–' : rate.toFixed(0));
  return html`
    <section class="panel" aria-labelledby="requests-title">
      <h2 id="requests-title">Requests/s <span class="now">${now(latest?.requests_per_s)}</span></h2>
      ${guard([history, colours], () => timeSeries(rateOption(history.points, 'requests_per_s', colours.accent, colours)))}
    </section>
    <section class="panel" aria-labelledby="failed-title">
      <h2 id="failed-title">
        Failed/s <span class="now">${now(latest?.failed_per_s)}</span>
        <span class="muted">${state.failed_requests} of ${state.requests} in all</span>
      </h2>
      ${guard([history, colours], () => timeSeries(rateOption(history.points, 'failed_per_s', colours.down, colours)))}
    </section>
  `;
}

function sites(history: History, state: State): TemplateResult {
  const shown = shownSites(state.sites);
  const colours = palette();
  const rest = state.sites.length - shown.length;
  return html`<section class="panel wide" aria-labelledby="sites-title">
    <h2 id="sites-title">
      Planned Mbit/s by site <span class="muted">dashed: capacity${rest > 0 ? `; ${rest} less busy sites left out` : ''}</span>
    </h2>
    ${guard(
      [history, colours],
      () => html`<div
        class="sites-chart"
        role="img"
        aria-label=${shown.map((site) => `${site.id} ${site.planned_mbps.toFixed(1)}`).join(', ')}
        style="height:${sitesHeight(shown.length)}px"
        ${chart(sitesOption(history.points, shown, colours))}
      ></div>`,
    )}
  </section>`;
}

function timeSeries(option: object): TemplateResult {
  return html`<div class="rate-chart" aria-hidden="true" ${chart({ ...option })}></div>`;
}
