/** What stands around every view: where to go, how the estate is, whether the daemon is there. */

import { html, nothing, type TemplateResult } from 'lit-html';
import { setToken } from '../daemon/request.ts';
import { tokenEntered } from '../daemon/follow.ts';
import type { Plan, Seen } from '../daemon/schema.ts';
import { age } from '../format.ts';
import type { Connection, Live } from '../live/live.ts';
import type { Route } from '../route.ts';
import { askedToken } from './dialog.ts';
import { healthCounts, healthMark } from './health.ts';
import { nextTheme, storedTheme } from './theme.ts';
import type { Redraw, View } from './view.ts';

export function page(views: readonly View[], live: Live, route: Route, redraw: Redraw): TemplateResult {
  const view = views.find((one) => one.name === route.view) ?? views[0];
  return html`
    <header class="bar">
      <a class="brand" href="#/map"><span class="logo" aria-hidden="true"></span>Weir</a>
      <nav aria-label="Views">${views.map((one) => tab(one, one === view))}</nav>
      ${standing(live)} ${connection(live.connection)} ${themeButton(redraw)}
    </header>
    ${disconnectedNotice(live.connection)}
    <main class="view view-${view?.name}" aria-label=${view?.title ?? nothing}>
      ${live.estate && live.state ? view?.draw(live, route) : waiting(live.connection)}
    </main>
  `;
}

function tab(view: View, isCurrent: boolean): TemplateResult {
  return html`<a href="#/${view.name}" aria-current=${isCurrent ? 'page' : nothing}>${view.title}</a>`;
}

function standing({ state }: Live): TemplateResult {
  if (!state) return html`<div class="standing"></div>`;
  return html`<div class="standing">
    ${healths('Nodes', state.nodes)} ${healths('Links', state.links)} ${planStanding(state.plan, state.time_ms)}
  </div>`;
}

function healths(what: string, seen: readonly Seen[]): TemplateResult {
  const counted = healthCounts(seen).map(
    ([health, number]) => html`<span class="health is-${health}">${healthMark(health)}${number}</span>`,
  );
  return html`<span class="fact"><span class="label">${what}</span>${counted}</span>`;
}

function planStanding(plan: Plan | null, now_ms: number): TemplateResult {
  if (!plan) return html`<span class="fact"><span class="label">Plan</span>none yet</span>`;
  const out = plan.out_of_service.join(', ');
  return html`<span class="fact" title="made ${age(now_ms - plan.made_at_ms)} ago; ${plan.split_pairs} pairs split">
    <span class="label">Plan</span>${plan.number} ${plan.reason}
    ${out ? html`<span class="tag is-out" title=${`out of service: ${out}`}>out: ${out}</span>` : nothing}
  </span>`;
}

function connection(state: Connection): TemplateResult {
  const words = { connecting: 'connecting', live: 'live', disconnected: 'disconnected' };
  return html`<span class="connection is-${state.phase}" role="status">${words[state.phase]}</span>`;
}

function themeButton(redraw: Redraw): TemplateResult {
  const theme = storedTheme();
  const go = () => {
    nextTheme();
    redraw();
  };
  return html`<button class="is-quiet" title="Theme: system, light, dark" @click=${go}>Theme: ${theme}</button>`;
}

function disconnectedNotice(state: Connection): TemplateResult | typeof nothing {
  if (state.phase !== 'disconnected') return nothing;
  if (state.needs_token) {
    return html`<div class="notice is-bad" role="alert">
      This daemon asks for a token. <button @click=${enterToken}>Enter the token</button>
    </div>`;
  }
  return html`<div class="notice is-bad" role="alert">
    Disconnected since ${new Date(state.since_ms).toLocaleTimeString()}: ${state.why}. What is shown is the last that
    was known. Trying again each second.
  </div>`;
}

async function enterToken(): Promise<void> {
  const token = await askedToken();
  if (!token) return;
  setToken(token);
  tokenEntered();
}

function waiting(state: Connection): TemplateResult {
  if (state.phase === 'disconnected') return html`<p class="empty">Nothing is known yet.</p>`;
  return html`<p class="empty" role="status">Asking the daemon what there is…</p>`;
}
