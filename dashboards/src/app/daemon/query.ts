/** `POST /api/v1/sql`. */

import { DaemonError, request } from './request.ts';

export interface Column {
  name: string;
  /** Arrow's name of the type: `Utf8`, `Float64`, `Timestamp(ns, "UTC")`. */
  type: string;
}

/** Times are RFC 3339 text; decimals, NaN and integers beyond 2^53 are text too. */
export type Value = string | number | boolean | null | object;

export interface Result {
  columns: Column[];
  rows: Value[][];
  elapsed_ms: number;
}

/** Asks `sql`; throws `DaemonError`. */
export async function query(sql: string, signal?: AbortSignal): Promise<Result> {
  const init: RequestInit = { method: 'POST', body: sql, headers: { Accept: 'application/json' } };
  if (signal) init.signal = signal;
  const response = await request('/api/v1/sql', init).catch((error: unknown) => {
    if (error instanceof DaemonError && error.status === 404) {
      throw new DaemonError(404, 'this daemon has no SQL engine', 'it was started without the role `store`');
    }
    throw error;
  });
  const answer = (await response.json()) as Result & { error?: string; hint?: string };
  // An error after the first MiB comes as a member: the status was already sent.
  if (answer.error !== undefined) throw new DaemonError(response.status, answer.error, answer.hint);
  return answer;
}

/** A text as SQL writes it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function isNumeric(column: Column): boolean {
  return /^(U?Int|Float|Decimal)/.test(column.type);
}

export function isTime(column: Column): boolean {
  return /^(Timestamp|Date)/.test(column.type);
}
