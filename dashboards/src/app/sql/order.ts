/** Sorting of rows by a column, as its type means it. */

import { type Column, isNumeric, isTime, type Value } from '../daemon/query.ts';

export interface Order {
  column: number;
  descending: boolean;
}

/** The order after a click on the heading of `column`: ascending, descending, as it came. */
export function nextOrder(order: Order | undefined, column: number): Order | undefined {
  if (order?.column !== column) return { column, descending: false };
  return order.descending ? undefined : { column, descending: true };
}

/** `rows` by `order`; what has no value comes last, whichever way. Equal rows keep their order. */
export function ordered(rows: readonly Value[][], columns: readonly Column[], order?: Order): readonly Value[][] {
  const column = order && columns[order.column];
  if (!order || !column) return rows;
  const key = isNumeric(column) ? numberKey : isTime(column) ? timeKey : textKey;
  const keyed = rows.map((row) => ({ row, key: key(row[order.column] ?? null) }));
  keyed.sort((a, b) => compare(a.key, b.key, order.descending));
  return keyed.map(({ row }) => row);
}

type Key = number | string | undefined;

function compare(a: Key, b: Key, descending: boolean): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  const ascending = typeof a === 'string' && typeof b === 'string' ? collator.compare(a, b) : a < b ? -1 : a > b ? 1 : 0;
  return descending ? -ascending : ascending;
}

/** `edge-2` before `edge-10`. */
const collator = new Intl.Collator('en', { numeric: true });

function numberKey(value: Value): Key {
  const number = value === null ? Number.NaN : Number(value);
  return Number.isNaN(number) ? undefined : number;
}

/** Milliseconds are too coarse for nanoseconds, text is not: `..00Z` and `..00.5Z` need the fraction filled. */
function timeKey(value: Value): Key {
  if (value === null) return undefined;
  const [whole = '', fraction = ''] = String(value).replace(/Z$/, '').split('.');
  return `${whole}.${fraction.padEnd(9, '0')}`;
}

function textKey(value: Value): Key {
  return value === null ? undefined : shown(value);
}

/** A value as the grid and CSV show it. */
export function shown(value: Value): string {
  if (value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
