/** A health as shape, colour and word: never by colour alone. */

import { html, svg, type SVGTemplateResult, type TemplateResult } from 'lit-html';
import type { Health } from '../daemon/schema.ts';

const SHAPES: Record<Health, SVGTemplateResult> = {
  up: svg`<circle cx="6" cy="6" r="4.5" />`,
  degraded: svg`<path d="M6 1 11 10.5H1z" />`,
  down: svg`<path d="M2 2l8 8M10 2l-8 8" fill="none" stroke="currentColor" stroke-width="2.6" />`,
  unknown: svg`<circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" stroke-width="1.6" />`,
};

export function healthMark(health: Health): TemplateResult {
  return html`<svg class="mark is-${health}" viewBox="0 0 12 12" role="img" aria-label=${health}>${SHAPES[health]}</svg>`;
}

export function healthWord(health: Health): TemplateResult {
  return html`<span class="health is-${health}">${healthMark(health)} <span aria-hidden="true">${health}</span></span>`;
}

const WORST_FIRST: readonly Health[] = ['down', 'degraded', 'unknown', 'up'];

/** How many are how, the worst first; healths that nobody has are left out. */
export function healthCounts(seen: readonly { health: Health }[]): [Health, number][] {
  const counted = WORST_FIRST.map((health): [Health, number] => [
    health,
    seen.filter((one) => one.health === health).length,
  ]);
  return counted.filter(([, number]) => number > 0);
}
