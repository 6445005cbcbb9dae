import { expect, test } from 'vitest';
import { estate, stateAt } from '../live/sample.ts';
import { candidatesOf, reasonOf, reportOf, reportQuery } from './report.ts';
import { sharesText, siteColours } from './share_bar.ts';

const columns = ['plan', 'site', 'verdict', 'share', 'latency_ms', 'marginal_cost'].map((name) => ({ name, type: 'Utf8' }));

test('candidates: who serves most first, then who is cheapest; NaN and null are not known', () => {
  const report = reportOf({
    columns,
    rows: [
      ['1.3', 'mil', 'not_offered', 0, 'NaN', null],
      ['1.3', 'ams', 'dearer', 0, 21, 0.2],
      ['1.3', 'fra', 'chosen', 0.4, 15.3, 0.03],
      ['1.3', 'ham', 'chosen', 0.6, 12.1, 0.03],
    ],
    elapsed_ms: 1,
  });
  expect(report?.plan).toBe('1.3');
  expect(report?.candidates.map((one) => one.site)).toEqual(['ham', 'fra', 'ams', 'mil']);
  expect(report?.candidates[3]).toMatchObject({ latency_ms: undefined, marginal_cost: undefined });
});

test('no rows are no report', () => {
  expect(reportOf({ columns, rows: [], elapsed_ms: 1 })).toBeUndefined();
});

test('names are quoted in the question', () => {
  expect(reportQuery({ group: "o'brien", domain: 'x' })).toContain("client_group = 'o''brien' AND domain = 'x'");
});

test('without SQL the shares are what is known', () => {
  const [demand] = stateAt(0).demand;
  expect(demand && candidatesOf(demand).map((one) => [one.site, one.share])).toEqual([['fra', 0.75], ['ams', 0.25]]);
  expect(demand && sharesText(demand.shares)).toBe('fra 75 %, ams 25 %');
  expect(sharesText([])).toBe('nobody serves');
});

test('every verdict has a reason, an unknown one its name', () => {
  expect(reasonOf('full')).toBe('may serve, but it is full');
  expect(reasonOf('brand_new')).toBe('brand new');
});

test('sites have colours of their own', () => {
  expect(new Set(siteColours(estate.sites).values()).size).toBe(3);
});
