/** Traffic of client groups, summed by their region and the site that serves them. */

import type { Estate, State } from '../daemon/schema.ts';

export interface Flow {
  region: string;
  site: string;
  mbps: number;
}

/** Less than a tenth of a percent of all is rounding of shares, not traffic worth a line. */
const PART_MIN = 0.001;

/** The flows of the plan in force, the largest last, so that it is drawn on top. */
export function flowsOf(estate: Estate, state: State): Flow[] {
  const regions = new Map(estate.groups.map((group) => [group.id, group.region]));
  const flows = new Map<string, Flow>();
  let total = 0;
  for (const demand of state.demand) {
    const region = regions.get(demand.group);
    if (region === undefined) continue;
    total += demand.mbps;
    for (const [site, part] of demand.shares) {
      const key = `${region}\n${site}`;
      const flow = flows.get(key) ?? { region, site, mbps: 0 };
      flow.mbps += demand.mbps * part;
      flows.set(key, flow);
    }
  }
  return [...flows.values()].filter((flow) => flow.mbps > total * PART_MIN).sort((a, b) => a.mbps - b.mbps);
}

/** Sums of `flows` by one of their ends. */
export function sumsBy(flows: readonly Flow[], end: 'region' | 'site'): Map<string, number> {
  const sums = new Map<string, number>();
  for (const flow of flows) sums.set(flow[end], (sums.get(flow[end]) ?? 0) + flow.mbps);
  return sums;
}
