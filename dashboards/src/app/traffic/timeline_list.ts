/** Findings and plans as a list. */

import { html, type TemplateResult } from 'lit-html';
import { repeat } from 'lit-html/directives/repeat.js';
import { clockTime } from '../format.ts';
import type { Entry, Tone } from '../live/timeline.ts';

/** A sign for each tone: the list must read without its colours. */
const SIGNS: Record<Tone, string> = { good: '●', warning: '▲', bad: '✕', neutral: '◇' };

export function timelineList(entries: readonly Entry[]): TemplateResult {
  return html`<ol class="timeline">
    ${repeat(
      entries,
      (entry) => entry.key,
      (entry) => html`<li class="is-${entry.tone}">
        <time datetime=${new Date(entry.time_ms).toISOString()}>${clockTime(entry.time_ms)}</time>
        <span class="sign" aria-hidden="true">${SIGNS[entry.tone]}</span>
        <div><strong>${entry.title}</strong><span class="text" title=${entry.text}>${entry.text}</span></div>
      </li>`,
    )}
  </ol>`;
}
