import { expect, test } from 'vitest';
import { estate, stateAt } from '../live/sample.ts';
import { faultOf, targetsOf, VERB_NAMES, VERBS } from './fault.ts';

test('faults are written as the demo reads them', () => {
  const written = [
    faultOf('kill', 'edge-3', ''),
    faultOf('restore', 'edge-3', 'ignored'),
    faultOf('slow', 'mid-1', ' 80ms '),
    faultOf('loss', 'edge-2', '30'),
    faultOf('loss', 'edge-2', '12.5%'),
    faultOf('price', 'fra-transit', 'x1.5'),
    faultOf('surge', 'www.aurora.test', '3'),
  ];
  expect(written.map((fault) => ('text' in fault ? fault.text : fault.wrong))).toEqual([
    'kill edge-3', 'restore edge-3', 'slow mid-1 80ms', 'loss edge-2 30%', 'loss edge-2 12.5%', 'price fra-transit x1.5',
    'surge www.aurora.test x3',
  ]);
});

test('what the demo would refuse is refused here, with what to write', () => {
  for (const [verb, argument] of [['slow', '80'], ['loss', '130%'], ['price', 'much'], ['surge', '']] as const) {
    expect(faultOf(verb, 'x', argument)).toHaveProperty('wrong');
  }
  expect(faultOf('kill', '', '')).toEqual({ wrong: 'there is no target' });
});

test('the value a verb begins with is a good one', () => {
  for (const verb of VERB_NAMES) expect(faultOf(verb, 'x', VERBS[verb].argument?.value ?? '')).toHaveProperty('text');
});

test('each verb has its targets, edges first', () => {
  const contracts = [{ name: 'fra-transit', kind: '', month_to_date: '', forecast: '', currency: '', headroom_mbps: 0, free_slots: 0 }];
  const state = stateAt(0, { contracts });
  expect(targetsOf('kill', estate, state)).toEqual(['edge-1', 'edge-2', 'mid-1', 'origin-1']);
  expect(targetsOf('price', estate, state)).toEqual(['fra-transit']);
  expect(targetsOf('surge', estate, state)).toEqual(['www.test']);
});
