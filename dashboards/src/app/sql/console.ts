/** What the console holds: the draft, the query that runs, its answer. */

import { query, type Result } from '../daemon/query.ts';
import { DaemonError } from '../daemon/request.ts';
import type { Redraw } from '../page/view.ts';
import { EXAMPLES } from './examples.ts';
import { storedHistory, storeHistory, withQuery } from './history.ts';
import { nextOrder, type Order } from './order.ts';

export type Answer =
  | { phase: 'none' }
  | { phase: 'running' }
  | { phase: 'told'; result: Result }
  | { phase: 'failed'; error: string; hint: string };

export class Console {
  draft = EXAMPLES[0]?.sql ?? '';
  answer: Answer = { phase: 'none' };
  history = storedHistory();
  order: Order | undefined;
  shows: 'table' | 'chart' = 'table';
  private running: AbortController | undefined;

  constructor(private readonly redraw: Redraw) {}

  write(sql: string): void {
    this.draft = sql;
    this.redraw();
  }

  show(what: 'table' | 'chart'): void {
    this.shows = what;
    this.redraw();
  }

  sortBy(column: number): void {
    this.order = nextOrder(this.order, column);
    this.redraw();
  }

  /** Runs the draft; what still runs is given up. */
  async run(): Promise<void> {
    if (this.draft.trim() === '') return;
    this.running?.abort();
    const running = new AbortController();
    this.running = running;
    this.history = withQuery(this.history, this.draft);
    storeHistory(this.history);
    this.finish({ phase: 'running' });
    const answer = await query(this.draft, running.signal).then(
      (result): Answer => ({ phase: 'told', result }),
      (error: unknown) => failed(error),
    );
    if (this.running === running) this.finish(answer);
  }

  cancel(): void {
    this.running?.abort();
    this.running = undefined;
    this.finish({ phase: 'failed', error: 'cancelled', hint: '' });
  }

  private finish(answer: Answer): void {
    this.answer = answer;
    this.order = undefined;
    this.redraw();
  }
}

function failed(error: unknown): Answer {
  if (error instanceof DaemonError) return { phase: 'failed', error: error.message, hint: error.hint };
  return { phase: 'failed', error: error instanceof Error ? error.message : String(error), hint: '' };
}
