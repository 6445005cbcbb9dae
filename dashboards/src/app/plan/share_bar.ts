/** Shares of one demand as a stacked bar, each part named where it has room for the name. */

import { html, type TemplateResult } from 'lit-html';
import type { Share } from '../daemon/schema.ts';
import { percent } from '../format.ts';
import { seriesColour } from '../page/line_chart.ts';

/** Below this part of the bar a name of three letters is cut. */
const NAMED_MIN = 0.16;

/** The colour of every site: by its place in the estate, so that it is the same everywhere. */
export type SiteColours = ReadonlyMap<string, string>;

export function siteColours(sites: readonly { id: string }[]): SiteColours {
  return new Map(sites.map((site, at) => [site.id, seriesColour(at)]));
}

export function shareBar(shares: readonly Share[], colours: SiteColours): TemplateResult {
  return html`<span class="shares" title=${sharesText(shares)}>
    ${shares.map(
      ([site, part]) => html`<span style="flex-grow:${part};background:${colours.get(site) ?? seriesColour(-1)}"
        >${part >= NAMED_MIN ? site : ''}</span
      >`,
    )}
  </span>`;
}

export function sharesText(shares: readonly Share[]): string {
  return shares.length === 0 ? 'nobody serves' : shares.map(([site, part]) => `${site} ${percent(part)}`).join(', ');
}
