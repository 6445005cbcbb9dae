/** CSV (RFC 4180) of a result. */

import type { Result, Value } from '../daemon/query.ts';
import { shown } from './order.ts';

export function csvOf({ columns }: Result, rows: readonly Value[][]): string {
  const lines = [columns.map((column) => field(column.name)), ...rows.map((row) => row.map((value) => field(shown(value))))];
  return lines.map((line) => `${line.join(',')}\r\n`).join('');
}

function field(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Hands `csv` to the browser as a file. */
export function download(csv: string, name: string): void {
  const url = URL.createObjectURL(new Blob([csv], { type: 'text/csv;charset=utf-8' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
