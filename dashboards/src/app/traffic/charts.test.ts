import { expect, test } from 'vitest';
import { shownSites, SITES_SHOWN_MAX } from './charts.ts';

test('of many sites the busiest are shown, in their own order', () => {
  const sites = Array.from({ length: SITES_SHOWN_MAX + 4 }, (_, at) => ({ id: `s${at}`, planned_mbps: at, capacity_mbps: 20 }));
  expect(shownSites(sites).map((site) => site.id)).toEqual(sites.slice(4).map((site) => site.id));
  expect(shownSites(sites.slice(0, 3))).toHaveLength(3);
});
