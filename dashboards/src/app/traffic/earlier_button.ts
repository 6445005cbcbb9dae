/** Offers what happened before the page was loaded. Asked for by hand: without an engine it is an error. */

import { html, type TemplateResult } from 'lit-html';
import type { Message } from '../live/live.ts';
import type { Redraw } from '../page/view.ts';
import { earlierEntries } from './earlier.ts';

export type EarlierButton = () => TemplateResult;

/** One for the page: what was loaded for one view is there for all. */
export function earlierButton(redraw: Redraw, tell: (message: Message) => void): EarlierButton {
  let phase: 'offered' | 'asked' | 'told' = 'offered';
  let failed = '';

  async function ask(): Promise<void> {
    phase = 'asked';
    redraw();
    try {
      tell({ type: 'earlier', entries: await earlierEntries() });
      [phase, failed] = ['told', ''];
    } catch (error) {
      [phase, failed] = ['offered', error instanceof Error ? error.message : String(error)];
    }
    redraw();
  }

  return () => {
    if (phase === 'told') return html``;
    return html`<button class="earlier" ?disabled=${phase === 'asked'} @click=${ask}>Load what happened earlier</button>
      <p class="answer is-bad" role="status">${failed}</p>`;
  };
}
