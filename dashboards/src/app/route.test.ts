import { expect, test } from 'vitest';
import { hashOf, type Route, routeOf, selectionHash } from './route.ts';

const ROUTES: Route[] = [
  { view: 'map', selection: undefined },
  { view: 'map', selection: { subject: 'node', id: 'edge-3' } },
  { view: 'map', selection: { subject: 'site', id: 'a/b #?%' } },
  { view: 'traffic' },
  { view: 'plan', pair: undefined },
  { view: 'plan', pair: { group: 'north-telco', domain: 'www.aurora.test' } },
  { view: 'sql', sql: undefined },
  { view: 'sql', sql: "SELECT 'a/b'\nFROM x" },
];

test('every route survives the address', () => {
  for (const route of ROUTES) expect(routeOf(hashOf(route))).toEqual(route);
});

test('what cannot be read is the map', () => {
  const map = { view: 'map', selection: undefined };
  for (const hash of ['', '#', '#/', '#/nowhere', '#/map/animal/cat', '#/map/node', '#/map/%E0%A4%A']) {
    expect(routeOf(hash), hash).toEqual(map);
  }
});

test('a selection is an address', () => {
  expect(selectionHash('node', 'edge-3')).toBe('#/map/node/edge-3');
});
