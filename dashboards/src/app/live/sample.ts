/** A small estate for tests: two providers, a site with two roles, two regions. */

import type { Estate, State } from '../daemon/schema.ts';

export const estate: Estate = {
  providers: ['own', 'cloud'],
  sites: [
    { id: 'fra', kind: 'idc', region: 'central', provider: 'own', contract: 'fra-transit' },
    { id: 'ams', kind: 'cloud', region: 'west', provider: 'cloud', contract: null },
    { id: 'core', kind: 'idc', region: 'central', provider: 'own', contract: null },
  ],
  nodes: [
    { id: 'edge-1', site: 'fra', role: 'edge', capacity_bps: 16e6 },
    { id: 'edge-2', site: 'ams', role: 'edge', capacity_bps: 16e6 },
    { id: 'mid-1', site: 'core', role: 'mid', capacity_bps: 2e8 },
    { id: 'origin-1', site: 'core', role: 'origin', capacity_bps: 4e8 },
  ],
  links: [
    { id: 'edge-1-mid-1', from: 'edge-1', to: 'mid-1', kind: 'backbone', provider: 'own', capacity_bps: 2e8 },
    { id: 'edge-2-mid-1', from: 'edge-2', to: 'mid-1', kind: 'vpn', provider: 'cloud', capacity_bps: 2e8 },
    { id: 'mid-1-origin-1', from: 'mid-1', to: 'origin-1', kind: 'backbone', provider: 'own', capacity_bps: 4e8 },
  ],
  groups: [
    { id: 'north-telco', region: 'north', isp: 'telco' },
    { id: 'north-cable', region: 'north', isp: 'cable' },
    { id: 'south-telco', region: 'south', isp: 'telco' },
  ],
  domains: [{ id: 'www.test', customer: 'aurora', latency_max_ms: 60 }],
};

export function stateAt(time_ms: number, more: Partial<State> = {}): State {
  return {
    time_ms,
    plan: { number: '1.1', reason: 'planned', made_at_ms: 0, out_of_service: [], split_pairs: 1, cost: 2.5 },
    nodes: estate.nodes.map(({ id }) => ({ id, health: 'up' })),
    links: estate.links.map(({ id }) => ({ id, health: 'up' })),
    sites: [
      { id: 'fra', planned_mbps: 8, capacity_mbps: 16 },
      { id: 'ams', planned_mbps: 1, capacity_mbps: 16 },
    ],
    demand: [
      { group: 'north-telco', domain: 'www.test', mbps: 4, shares: [['fra', 0.75], ['ams', 0.25]] },
      { group: 'north-cable', domain: 'www.test', mbps: 3, shares: [['fra', 1]] },
      { group: 'south-telco', domain: 'www.test', mbps: 2, shares: [['fra', 1]] },
    ],
    contracts: [],
    requests: 0,
    failed_requests: 0,
    faults: [],
    is_demo: true,
    ...more,
  };
}
