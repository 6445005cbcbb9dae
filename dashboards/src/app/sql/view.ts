/** The SQL console. */

import { html, nothing, type TemplateResult } from 'lit-html';
import { guard } from 'lit-html/directives/guard.js';
import { live as current } from 'lit-html/directives/live.js';
import type { Result } from '../daemon/query.ts';
import { count } from '../format.ts';
import { chart } from '../page/chart.ts';
import { palette } from '../page/theme.ts';
import type { Redraw, View } from '../page/view.ts';
import { Console } from './console.ts';
import { csvOf, download } from './csv.ts';
import { EXAMPLES } from './examples.ts';
import { grid, ROWS_SHOWN_MAX } from './grid.ts';
import { ordered } from './order.ts';
import { chartOf, resultChartOption } from './result_chart.ts';

export function sqlView(redraw: Redraw): View {
  const sql = new Console(redraw);
  /** A query in the address is written once, not over what is typed after it. */
  let written: string | undefined;
  return {
    name: 'sql',
    title: 'SQL',
    draw(_live, route) {
      if (route.view === 'sql' && route.sql !== written) {
        written = route.sql;
        if (written !== undefined) sql.draft = written;
      }
      return html`
        <aside class="panel queries" aria-label="Queries">
          ${queryList('Examples', EXAMPLES, sql)}
          ${queryList('History', sql.history.map((text) => ({ title: firstLine(text), sql: text })), sql)}
        </aside>
        <section class="panel console" aria-label="Console">${editor(sql)} ${answer(sql)}</section>
      `;
    },
  };
}

function firstLine(sql: string): string {
  return sql.replace(/\s+/g, ' ');
}

function queryList(title: string, queries: readonly { title: string; sql: string }[], sql: Console): TemplateResult {
  return html`<h2>${title}</h2>
    ${queries.length === 0
      ? html`<p class="empty">Nothing was run yet.</p>`
      : html`<ul class="plain">
          ${queries.map(
            (one) => html`<li>
              <button class="is-quiet" title=${one.sql} @click=${() => sql.write(one.sql)}>${one.title}</button>
            </li>`,
          )}
        </ul>`}`;
}

function editor(sql: Console): TemplateResult {
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    void sql.run();
  };
  const isRunning = sql.answer.phase === 'running';
  return html`<label class="editor"><span class="label">Query</span>
      <textarea
        rows="6"
        spellcheck="false"
        autocapitalize="off"
        .value=${current(sql.draft)}
        @input=${(event: Event) => (sql.draft = (event.target as HTMLTextAreaElement).value)}
        @keydown=${onKey}
      ></textarea>
    </label>
    <div class="actions">
      <button class="is-primary" @click=${() => sql.run()}>Run</button>
      ${isRunning ? html`<button @click=${() => sql.cancel()}>Cancel</button>` : nothing}
      <span class="muted"><kbd>Ctrl</kbd> + <kbd>Enter</kbd> runs</span>
      ${meta(sql)}
    </div>`;
}

function meta(sql: Console): TemplateResult {
  const { answer } = sql;
  if (answer.phase === 'running') return html`<span role="status">running…</span>`;
  if (answer.phase !== 'told') return html`<span role="status"></span>`;
  const { rows, elapsed_ms } = answer.result;
  return html`<span class="figure" role="status">${count(rows.length)} rows in ${elapsed_ms} ms</span>
    <span class="choices" role="group" aria-label="Show as">
      ${(['table', 'chart'] as const).map(
        (what) => html`<button aria-pressed=${sql.shows === what} @click=${() => sql.show(what)}>${what}</button>`,
      )}
    </span>
    <button @click=${() => save(sql, answer.result)}>Download CSV</button>`;
}

function save(sql: Console, result: Result): void {
  const stamp = new Date().toISOString().replace(/[:.]/g, '-');
  download(csvOf(result, ordered(result.rows, result.columns, sql.order)), `weir-${stamp}.csv`);
}

function answer(sql: Console): unknown {
  const { answer } = sql;
  switch (answer.phase) {
    case 'none':
      return html`<p class="empty">Run a query to see its rows here.</p>`;
    case 'running':
      return html`<p class="empty">Running…</p>`;
    case 'failed':
      return html`<div class="notice is-bad" role="alert">
        <strong>${answer.error}</strong>
        ${answer.hint ? html`<p>Hint: ${answer.hint}</p>` : nothing}
      </div>`;
    case 'told':
      return sql.shows === 'chart' ? chartOrWhy(answer.result) : table(sql, answer.result);
  }
}

function table(sql: Console, result: Result): TemplateResult {
  const hidden = result.rows.length - ROWS_SHOWN_MAX;
  return html`
    ${hidden > 0
      ? html`<p class="muted">The first ${count(ROWS_SHOWN_MAX)} rows are shown; the CSV has all ${count(result.rows.length)}.</p>`
      : nothing}
    ${guard([result, sql.order], () =>
      grid(result, ordered(result.rows, result.columns, sql.order), sql.order, (column) => sql.sortBy(column)),
    )}
  `;
}

function chartOrWhy(result: Result): unknown {
  const colours = palette();
  return guard([result, colours], () => {
    const charted = chartOf(result);
    if ('why' in charted) return html`<p class="empty">${charted.why}</p>`;
    return html`${charted.note ? html`<p class="muted">Shown: ${charted.note}.</p>` : nothing}
      <div class="result-chart" role="img" aria-label="Chart of the result" ${chart(resultChartOption(charted.lines, colours))}></div>`;
  });
}
