/** A result as a table that can be sorted. */

import { html, nothing, type TemplateResult } from 'lit-html';
import { type Column, isNumeric, isTime, type Result, type Value } from '../daemon/query.ts';
import { type Order, shown } from './order.ts';

/** What a browser lays out without being felt; CSV has all rows. */
export const ROWS_SHOWN_MAX = 1000;

export function grid(
  result: Result,
  rows: readonly Value[][],
  order: Order | undefined,
  sort: (column: number) => void,
): TemplateResult {
  const { columns } = result;
  return html`<div class="grid" tabindex="0" role="region" aria-label="Result">
    <table class="data">
      <thead>
        <tr>
          ${columns.map((column, at) => heading(column, at, order, sort))}
        </tr>
      </thead>
      <tbody>
        ${rows.slice(0, ROWS_SHOWN_MAX).map((row) => html`<tr>${columns.map((column, at) => cell(column, row[at] ?? null))}</tr>`)}
      </tbody>
    </table>
  </div>`;
}

function heading(column: Column, at: number, order: Order | undefined, sort: (column: number) => void): TemplateResult {
  const isSorted = order?.column === at;
  const direction = isSorted ? (order.descending ? 'descending' : 'ascending') : undefined;
  const arrow = isSorted ? (order.descending ? ' ▼' : ' ▲') : '';
  return html`<th scope="col" class=${isNumeric(column) ? 'figure' : ''} aria-sort=${direction ?? nothing}>
    <button class="is-quiet" title=${column.type} @click=${() => sort(at)}>${column.name}${arrow}</button>
  </th>`;
}

function cell(column: Column, value: Value): TemplateResult {
  if (value === null) return html`<td class="muted">null</td>`;
  if (isNumeric(column)) return html`<td class="figure">${numberText(value)}</td>`;
  const text = shown(value);
  return html`<td class=${isTime(column) ? 'time' : ''} title=${text}>${text}</td>`;
}

/** Floats with the digits one compares; the CSV has all of them. */
function numberText(value: Value): string {
  if (typeof value !== 'number' || Number.isInteger(value)) return shown(value);
  return Math.abs(value) >= 1e6 || Math.abs(value) < 1e-4 ? String(value) : String(Number(value.toPrecision(7)));
}
