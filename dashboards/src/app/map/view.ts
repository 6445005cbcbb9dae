/** The estate map: who is served from where, over what, and how all of it is. */

import { html, type TemplateResult } from 'lit-html';
import { guard } from 'lit-html/directives/guard.js';
import { ref } from 'lit-html/directives/ref.js';
import type { Estate, Health, State } from '../daemon/schema.ts';
import type { Live } from '../live/live.ts';
import { chart } from '../page/chart.ts';
import { healthMark } from '../page/health.ts';
import { palette } from '../page/theme.ts';
import type { Redraw, View } from '../page/view.ts';
import { type Selection, selectionHash } from '../route.ts';
import type { EarlierButton } from '../traffic/earlier_button.ts';
import { timelineList } from '../traffic/timeline_list.ts';
import { cards, type Shown } from './cards.ts';
import { flowCurves, linkCurves } from './curves.ts';
import { details } from './details.ts';
import { drainButtons } from './drain_buttons.ts';
import { flowsOf, sumsBy } from './flows.ts';
import { graphOption, LINKS } from './graph.ts';
import { type EstateLayout, layoutOf } from './layout.ts';

const LATEST_SHOWN = 14;

export function mapView(redraw: Redraw, earlier: EarlierButton): View {
  const drains = drainButtons(redraw);
  const width = measuredWidth(redraw);
  const layout = remembered(layoutOf);

  return {
    name: 'map',
    title: 'Estate',
    draw(live, route) {
      const { estate, state } = live;
      const selection = route.view === 'map' ? route.selection : undefined;
      if (!estate || !state) return html``;
      return html`
        <div class="map-scroll" ${ref(width.observe)}>
          ${width.px() > 0 ? drawing(estate, state, layout(estate, width.px()), selection) : ''} ${legend()}
        </div>
        <aside class="panel details" aria-label="Details">
          ${selection ? details(live, selection, drains) : latest(live, earlier)}
        </aside>
      `;
    },
  };
}

function drawing(estate: Estate, state: State, layout: EstateLayout, selection?: Selection): TemplateResult {
  const flows = flowsOf(estate, state);
  const colours = palette();
  const links = linkCurves(estate, state, layout, selection);
  const select = (series: string, at: number) => {
    const link = links[at]?.link;
    if (series === LINKS && link) location.hash = selectionHash('link', link.id);
  };
  const option = guard([state, layout, selection?.id, colours], () => html`<div
    class="map-lines"
    aria-hidden="true"
    ${chart(graphOption(flowCurves(flows, layout, selection), links, colours), select)}
  ></div>`);
  return html`<div class="map" style="height:${layout.height}px">
    ${option} ${cards(layout, shownOf(state, sumsBy(flows, 'region'), selection))}
  </div>`;
}

function shownOf(state: State, regionMbps: Map<string, number>, selection?: Selection): Shown {
  return {
    healths: new Map(state.nodes.map((node): [string, Health] => [node.id, node.health])),
    loads: new Map(state.sites.map((site) => [site.id, site])),
    regionMbps,
    outOfService: new Set(state.plan?.out_of_service),
    selection,
  };
}

function latest(live: Live, earlier: EarlierButton): TemplateResult {
  const entries = live.timeline.slice(0, LATEST_SHOWN);
  return html`
    <header><h2>Latest</h2></header>
    <p class="muted">Select a region, site, node or link to see what is known of it.</p>
    ${entries.length > 0 ? timelineList(entries) : html`<p class="empty">Nothing happened since this page was loaded.</p>`}
    ${earlier()}
  `;
}

const HEALTHS: readonly Health[] = ['up', 'degraded', 'down', 'unknown'];

function legend(): TemplateResult {
  return html`<p class="legend">
    ${HEALTHS.map((health) => html`<span class="health is-${health}">${healthMark(health)} ${health}</span>`)}
    <span><span class="swatch is-flow"></span> users’ traffic, by width</span>
    <span><span class="swatch is-link"></span> link; dashed: not up; grey: an end is down</span>
    <span><span class="tag is-out">out</span> left out by the plan</span>
  </p>`;
}

/** The width there is for the map, measured when it changes. */
function measuredWidth(redraw: Redraw) {
  let px = 0;
  const observer = new ResizeObserver(([entry]) => {
    const now = Math.floor(entry?.contentRect.width ?? 0);
    // While the view is hidden there is no width; the last one will do when it returns.
    if (now === 0 || now === px) return;
    px = now;
    redraw();
  });
  return {
    px: () => px,
    observe: (element?: Element) => {
      observer.disconnect();
      if (element) observer.observe(element);
    },
  };
}

/** The last answer of `compute`, for the same arguments: a layout changes less than a state. */
function remembered<A extends unknown[], R>(compute: (...args: A) => R): (...args: A) => R {
  let last: { args: A; result: R } | undefined;
  return (...args) => {
    if (!last?.args.every((arg, at) => arg === args[at])) last = { args, result: compute(...args) };
    return last.result;
  };
}
