/** Queries that were run, newest first, kept across visits. */

/** A list that is still looked through by eye. */
export const QUERIES_MAX = 40;
const HISTORY_KEY = 'weir.sql.history';

/** `history` with `sql` run now: first, and once. */
export function withQuery(history: readonly string[], sql: string): string[] {
  const text = sql.trim();
  if (text === '') return [...history];
  return [text, ...history.filter((one) => one !== text)].slice(0, QUERIES_MAX);
}

/** The history in `stored`; whatever else was stored is no history. */
export function historyOf(stored: string | null): string[] {
  try {
    const parsed: unknown = JSON.parse(stored ?? '[]');
    return Array.isArray(parsed) ? parsed.filter((one) => typeof one === 'string').slice(0, QUERIES_MAX) : [];
  } catch {
    return [];
  }
}

export function storedHistory(): string[] {
  return historyOf(localStorage.getItem(HISTORY_KEY));
}

export function storeHistory(history: readonly string[]): void {
  localStorage.setItem(HISTORY_KEY, JSON.stringify(history));
}
